// Shows a component's days one by one, under the pointer or with the arrow keys.
const page = document.documentElement.lang;
const written = new Intl.DateTimeFormat(page, { day: "numeric", month: "long", timeZone: "UTC" });
const spoken = document.createElement("p");
spoken.className = "unseen";
spoken.setAttribute("role", "status");
document.body.append(spoken);

function read(summary, bars, back) {
  const date = new Date(`${bars.dataset.last}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() - back);
  const day = date.toISOString().slice(0, 10);
  const rows = [...summary.parentElement.querySelectorAll("tr[data-first]")];
  const row = rows.find(({ dataset }) => dataset.first <= day && day <= dataset.last);
  const words = summary.closest("[data-operational]").dataset;
  const state = row?.querySelector(".state").textContent
    ?? (back < Number(bars.dataset.counted) ? words.operational : words.unknown);
  return `${written.format(date)}: ${state}`;
}

function show(summary, back) {
  const bars = summary.querySelector(".bars");
  const drawn = bars.firstElementChild.getBoundingClientRect();
  const days = Number(bars.dataset.days);
  const text = read(summary, bars, back);
  let mark = bars.querySelector(".reading");
  if (!mark) {
    mark = document.createElement("span");
    mark.className = "reading";
    mark.setAttribute("aria-hidden", "true");
    mark.append(document.createElement("span"));
    bars.append(mark);
  }
  const place = drawn.left + ((days - back - 0.6) / days) * drawn.width - bars.getBoundingClientRect().left;
  mark.classList.toggle("reading-left", place > bars.clientWidth / 2);
  mark.style.left = `${place}px`;
  mark.firstElementChild.textContent = text;
  return text;
}

function hide(summary) {
  summary.querySelector(".reading")?.remove();
}

for (const summary of document.querySelectorAll(".history > summary")) {
  const bars = summary.querySelector(".bars");
  const days = Number(bars.dataset.days);
  let back = -1;
  bars.addEventListener("pointermove", (event) => {
    const drawn = bars.firstElementChild.getBoundingClientRect();
    const day = Math.floor(((event.clientX - drawn.left) / drawn.width) * days);
    show(summary, days - 1 - Math.min(Math.max(day, 0), days - 1));
  });
  bars.addEventListener("pointerleave", () => hide(summary));
  summary.addEventListener("blur", () => { back = -1; hide(summary); });
  summary.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: 1, ArrowRight: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    back = Math.min(Math.max(back + step, 0), days - 1);
    spoken.textContent = show(summary, back);
  });
}
