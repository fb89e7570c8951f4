// Single keys for what staff do most. Elements name theirs in `data-key`; the dialog lists them and turns them off.
const dialog = document.querySelector("[data-keys]");
const opener = document.querySelector('[data-key="?"]');
const choice = dialog.querySelector("[data-keys-on]");
const NAME = "single-keys"; // in this browser: "off", or nothing
const TYPING = 'input:not([type="checkbox"], [type="radio"], [type="submit"], [type="button"]), textarea, select';

function areOn() {
  try {
    return localStorage.getItem(NAME) !== "off";
  } catch {
    return true; // the browser stores nothing
  }
}

// Only what a key does now is announced; without this script, keys do nothing.
function announce() {
  const isOn = choice.checked;
  for (const element of document.querySelectorAll("[data-key]")) {
    if (isOn) element.setAttribute("aria-keyshortcuts", element.dataset.key);
    else element.removeAttribute("aria-keyshortcuts");
  }
}

choice.checked = areOn();
announce();
choice.addEventListener("change", () => {
  try {
    if (choice.checked) localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, "off");
  } catch {
    // It holds on this page only.
  }
  announce();
});
opener.addEventListener("click", () => dialog.showModal());
opener.closest("[hidden]").hidden = false;

// A key must not leave a page on which somebody has written.
let isWritten = false;
document.addEventListener("input", ({ target }) => {
  if (target.closest('#content form[method="post"]')) isWritten = true;
});

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (!choice.checked || event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing) return;
  if (event.defaultPrevented || target.closest?.(TYPING) || target.isContentEditable) return;
  if (document.querySelector("dialog[open]")) return;
  const name = `[data-key="${CSS.escape(key)}"]`;
  // What is on the page comes before the links of the dialog.
  const element = document.querySelector(`#content ${name}`) ?? document.querySelector(name);
  if (!element || (isWritten && element.matches("a"))) return;
  event.preventDefault();
  if (element.matches("input")) element.select();
  element.focus();
  element.click();
});
