// Sets the chosen colours before anything is painted: this script is small, and blocks on purpose.
(() => {
  const choices = ["", "light", "dark"];
  const names = { "": "as the system", light: "light", dark: "dark" };
  const icons = { "": "◐", light: "☀", dark: "☾" };
  const root = document.documentElement;
  const kept = () => { try { return localStorage.getItem("theme") || ""; } catch { return ""; } };
  const apply = (choice) => { root.dataset.theme = choices.includes(choice) ? choice : ""; };
  apply(kept());
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const say = () => {
      button.firstElementChild.textContent = icons[root.dataset.theme];
      button.setAttribute("aria-label", `Colours: ${names[root.dataset.theme]}`);
    };
    say();
    button.addEventListener("click", () => {
      apply(choices[(choices.indexOf(root.dataset.theme) + 1) % choices.length]);
      try { localStorage.setItem("theme", root.dataset.theme); } catch { /* then it lasts as long as the page */ }
      say();
    });
  });
})();
