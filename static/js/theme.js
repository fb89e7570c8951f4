// The choice of light or dark is passed from page to page in the URL's fragment; nothing is stored.
const choices = [...document.querySelectorAll(".theme input")];
const asked = choices.find(({ value }) => `#${value}` === location.hash);
if (asked) {
  asked.checked = true;
  // From here on the radio buttons hold it, so that the URL can be copied without it.
  document.documentElement.removeAttribute("id");
  document.body.removeAttribute("id");
  history.replaceState(history.state, "", location.pathname + location.search);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href$='/']");
  const chosen = choices.find(({ checked }) => checked)?.value;
  if (!link || link.origin !== location.origin || !chosen || chosen === "system") return;
  link.hash = chosen;
  setTimeout(() => { link.hash = ""; });
});
