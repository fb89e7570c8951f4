// Who logs out may share the computer: the browser forgets what was being written. The server has kept it.
document.getElementById("logout-form")?.addEventListener("submit", () => {
  for (const key of Object.keys(localStorage)) if (key.startsWith("writing:")) localStorage.removeItem(key);
});
