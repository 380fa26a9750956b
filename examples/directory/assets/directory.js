// Searches while one types, and keeps the panel up to date. Without it all works by links and
// buttons.
(() => {
  "use strict";

  const panel = document.getElementById("panel");
  const form = document.getElementById("search");
  const PAUSE = 120;
  const EVERY = 3000;

  const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

  // The panel: what is said there is of this moment, so no page holds it.
  let looking;
  const look = async () => {
    clearTimeout(looking);
    if (panel && document.visibilityState === "visible") {
      try {
        const response = await fetch(panel.dataset.source);
        const html = response.ok ? await response.text() : "";
        if (html && html !== look.shown) {
          look.shown = html;
          panel.replaceChildren(...parsed(html).body.childNodes);
        }
      } catch {
        // The next look may reach it again.
      }
    }
    clearTimeout(looking);
    looking = setTimeout(look, EVERY);
  };
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pageshow", look);

  if (!form) {
    return;
  }

  const results = document.getElementById("results");
  const status = document.getElementById("status");
  let asked = null;
  let waiting;

  // What is chosen already goes without saying in the address.
  const address = () => {
    const given = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      const plain = (name === "in" && value === "names") || (name === "sort" && value === "name");
      if (value !== "" && !plain) {
        given.append(name, value);
      }
    }
    const query = given.toString();
    return query ? `/?${query}` : "/";
  };

  const search = async () => {
    clearTimeout(waiting);
    asked?.abort();
    const mine = (asked = new AbortController());
    const to = address();
    results.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(to, { signal: mine.signal });
      const page = parsed(await response.text());
      const found = page.getElementById("results");
      if (mine.signal.aborted) {
        return;
      }
      if (!found) {
        throw new Error(page.querySelector("h1")?.textContent ?? "no list");
      }
      results.replaceChildren(...found.childNodes);
      document.title = page.title;
      history.replaceState(null, "", to);
      status.textContent = results.querySelector(".count")?.textContent ?? "";
    } catch (error) {
      if (mine.signal.aborted) {
        return;
      }
      status.textContent = "The list could not be loaded. Press Search to try again.";
    }
    results.removeAttribute("aria-busy");
    look();
  };

  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, PAUSE);
  };

  form.addEventListener("input", (event) => (event.target.id === "q" ? soon() : undefined));
  form.addEventListener("change", (event) => (event.target.id === "q" ? undefined : search()));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
})();
