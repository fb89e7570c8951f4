// While an update is written: the live preview, and Ctrl+Enter.
const form = document.querySelector("form[data-keep]");
const preview = form?.querySelector("[data-preview]");

// Refresh the preview while typing, as long as it is open.
if (preview) {
  const button = preview.querySelector("[formtarget]");
  const show = () => {
    if (!preview.open) return;
    const frame = preview.querySelector("iframe");
    frame.replaceWith(frame.cloneNode()); // a new frame adds nothing to the history
    form.requestSubmit(button);
  };
  let later;
  const showSoon = () => { clearTimeout(later); later = setTimeout(show, 600); };
  button.hidden = true;
  preview.addEventListener("toggle", show);
  form.addEventListener("input", showSoon);
}

// Ctrl+Enter (Cmd+Enter) publishes once its writer was shown what will happen: the first press shows it, the second
// publishes, unless the form has changed since.
const publish = form?.querySelector('[name="action"][value="publish"]');
const forecast = form?.querySelector("[data-forecast]");
if (publish && forecast) {
  const state = () => String(new URLSearchParams(new FormData(form)));
  let seen; // the form as it was when the sentence was shown
  let wanted = false;
  const show = () => {
    wanted = false;
    seen = state();
    forecast.scrollIntoView({ block: "nearest" });
    forecast.focus();
  };
  form.addEventListener("forecast", () => { if (wanted) show(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat) return;
    event.preventDefault();
    if ("stale" in form.dataset) wanted = true;
    else if (seen === state()) form.requestSubmit(publish);
    else show();
  });
}
