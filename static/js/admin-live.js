// Live updates: elements with data-live are fetched again and replaced. Every page works without this.
// `data-every` is the interval in seconds; 0 stops the updates. The event `refresh` asks for one at once.
const tools = document.querySelector("[data-live-tools]");
const button = tools?.querySelector("button");
const said = tools?.querySelector("[data-live-said]");
const parts = [...document.querySelectorAll("[data-live]")].map((element) => ({ element, due: next(element) }));
let still = false;

function next(element) {
  const every = Number((element.querySelector("[data-every]") ?? element).dataset.every ?? 0);
  return every ? Date.now() + every * 1000 : Infinity;
}

// Open sections and the focus are kept.
function replace(element, fresh) {
  const open = [...element.querySelectorAll("details[open]")].map(({ id }) => id);
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const before = element.querySelector("[data-said]")?.textContent;
  element.innerHTML = fresh;
  // The message that a change is only saved goes away with the alarm that explains it.
  if (element.matches(".alarms") && !element.querySelector("[data-unwritten]")) {
    document.querySelector(".messagelist .unwritten")?.remove();
  }
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus();
  const now = element.querySelector("[data-said]")?.textContent;
  if (now && now !== before) said.textContent = now;
}

async function refresh(part) {
  const { element } = part;
  const asked = Date.now();
  part.due = Infinity;
  try {
    const answer = await fetch(element.dataset.live, { redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = await answer.text();
    // Each response has a new token in its forms, which is not a change.
    const bare = (html) => html.replaceAll(/name="csrfmiddlewaretoken" value="\w+"/g, "");
    if (part.shown !== bare(fresh)) replace(element, fresh);
    part.shown = bare(fresh);
    delete element.dataset.old;
    // A slow server is asked less often.
    part.due = next(element) + 9 * (Date.now() - asked);
  } catch {
    element.dataset.old = "yes";
    part.due = Date.now() + 10000;
  }
}

function look() {
  if (still || document.hidden) return;
  for (const part of parts) if (part.due <= Date.now()) refresh(part);
}

for (const part of parts) part.element.addEventListener("refresh", () => { part.due = Date.now(); });

function hold(value) {
  still = value;
  button.textContent = still ? button.dataset.resume : button.dataset.pause;
}

if (tools && parts.some(({ due }) => due < Infinity)) {
  // What seldom changes, and may not be missed, needs no button: alarms, and who is writing.
  tools.hidden = !parts.some(({ element, due }) => due < Infinity && !("liveQuiet" in element.dataset));
  hold(false);
  button.addEventListener("click", () => hold(!still));
  setInterval(look, 500);
  document.addEventListener("visibilitychange", look);
}
