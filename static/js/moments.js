// Adds to marked times how long ago they are, or in how long.
// On loading and when the tab becomes visible, so that nothing changes while reading.
const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60]];

function inWords(seconds) {
  const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length);
  const text = relative.format(Math.trunc(seconds / length), unit);
  // Danish has words for one; the browser's patterns have the figure.
  return language === "da" ? text.replace(/\b1 time\b/, "en time").replace(/\b1 minut\b/, "et minut") : text;
}

function tell() {
  for (const time of document.querySelectorAll(".relative time")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    let note = time.nextElementSibling;
    if (!note?.classList.contains("ago")) {
      note = document.createElement("span");
      note.className = "ago quiet";
      time.after(" ", note);
    }
    // Beyond two days the date is clearer.
    const helps = Math.abs(seconds) >= 60 && Math.abs(seconds) < 172800;
    note.textContent = helps ? inWords(seconds) : "";
  }
}

tell();
document.addEventListener("visibilitychange", () => document.hidden || tell());
