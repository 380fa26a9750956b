// What is wrong with this page for some of its readers, as a list of sentences.
(() => {
  const wrong = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (e) => e.outerHTML.slice(0, 100);
  const check = (fine, what, e) => fine || wrong.push(e ? `${what}: ${shown(e)}` : what);
  const visible = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });

  check(document.documentElement.lang, "no lang");
  check(document.title.trim(), "no title");
  check(!/user-scalable|maximum-scale/.test(document.querySelector("meta[name=viewport]").content), "no zoom");

  // Landmarks, and headings in order.
  for (const [selector, what] of [["main", "main"], ["body > header", "header"], ["body > footer", "footer"], ["h1", "h1"]]) {
    check(all(selector).length === 1, `${all(selector).length} of ${what}`);
  }
  all("nav, aside").forEach((e) => check(e.getAttribute("aria-label") || e.getAttribute("aria-labelledby"), "landmark without a name", e));
  all("h1, h2, h3, h4, h5, h6").reduce((before, e) => {
    const level = Number(e.tagName[1]);
    check(level <= before + 1, `h${level} behind h${before}`, e);
    check(e.textContent.trim(), "empty heading", e);
    return level;
  }, 0);
  const first = document.querySelector("a");
  check(first.getAttribute("href") === "#main", "the first link does not skip to the content", first);

  // Names.
  all("input:not([type=hidden]), select, textarea").forEach((e) => check([...(e.labels ?? [])].some((l) => l.textContent.trim()), "no label", e));
  all("a, button, summary").forEach((e) => check(e.textContent.trim() || e.getAttribute("aria-label"), "no text", e));
  all("img").forEach((e) => check(e.hasAttribute("alt"), "no alt", e));
  const named = (e) => (e.getAttribute("aria-labelledby") ?? "").split(" ").some((id) => document.getElementById(id)?.textContent.trim());
  all("svg").forEach((e) => check(e.getAttribute("aria-hidden") === "true" || (e.getAttribute("role") === "img" && named(e)), "no name", e));
  all("th").forEach((e) => check(e.scope, "no scope", e));

  // References.
  const ids = all("[id]").map((e) => e.id);
  check(new Set(ids).size === ids.length, "an id is there twice");
  for (const attribute of ["for", "aria-labelledby", "aria-describedby"]) {
    all(`[${attribute}]`).forEach((e) =>
      e.getAttribute(attribute).split(" ").forEach((id) => check(document.getElementById(id), `${attribute} leads nowhere`, e)));
  }
  all("[aria-invalid=true]").forEach((e) => check(e.getAttribute("aria-describedby"), "an error that is not read out", e));
  all("[tabindex]").forEach((e) => check(e.tabIndex <= 0, "a tabindex out of order", e));

  // What is pressed is large enough (WCAG 2.5.8).
  all("button, select, input:not([type=hidden]), summary, a.button, nav a").filter(visible).forEach((e) => {
    const { width, height } = e.getBoundingClientRect();
    check(width >= 24 && height >= 24, `${width} by ${height} is too small`, e);
  });

  // Contrast of all text with what is behind it (WCAG 1.4.3), and of the borders of fields (1.4.11).
  const parsed = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const { rgb, a } = parsed(getComputedStyle(at).backgroundColor);
      if (a === 1) {
        return rgb;
      }
      if (a !== 0) {
        wrong.push(`contrast over a background that shines through: ${shown(at)}`);
      }
    }
    return [255, 255, 255];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const enough = (colour, e, least, what) => {
    const ratio = contrast(parsed(colour).rgb, behind(e));
    check(ratio >= least, `contrast of ${what} ${ratio.toFixed(2)}, not ${least}`, e);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !visible(e) || e.closest("script, title, desc, .unseen")) {
      continue;
    }
    const style = getComputedStyle(e);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    enough(e.closest("svg") ? style.fill : style.color, e, large ? 3 : 4.5, "text");
    count += 1;
  }
  check(count > 10, `only ${count} texts were looked at`);
  all("input:not([type=hidden]), select, textarea").forEach((e) => {
    enough(getComputedStyle(e).color, e, 4.5, "a value");
    enough(getComputedStyle(e).borderTopColor, e, 3, "a border");
    if (e.placeholder) {
      enough(getComputedStyle(e, "::placeholder").color, e, 4.5, "a placeholder");
    }
  });
  return wrong;
})()
