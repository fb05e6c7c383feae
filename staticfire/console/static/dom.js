// Elements from data: text is only ever text (textContent); nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("a", {class: "x", onclick: f, style: {width: "3px"}}, "text", child, [more])`. */
export function h(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "value" && "value" in element) element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

export function show(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PATHS = {
  overview: "M3 3h7v7H3zM14 3h7v4h-7zM14 11h7v10h-7zM3 14h7v7H3z",
  requests: "M3 12h4l3-8 4 16 3-8h4",
  functions: "M5 20 12 4l7 16M8.500 13h7",
  data: "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0",
  dashboards: "M4 4v16h16M8 16v-4M12 16V8M16 16v-6",
  faults: "M12 3 2 20h20zM12 10v4M12 17v.5",
  load: "M4 18a9 9 0 1 1 16 0M12 14l4-6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500 19 19M5 19l1.500-1.500M17.500 6.500 19 5",
  close: "M6 6l12 12M18 6 6 18",
};

export function icon(name, size = 18) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", width: size, height: size, class: "icon", "aria-hidden": "true" },
    svg("path", { d: PATHS[name] }),
  );
}

let toastTimer = 0;
export function toast(text, bad = false) {
  const box = document.getElementById("toasts");
  show(box, h("div", { class: bad ? "toast bad" : "toast" }, text));
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => box.replaceChildren(), bad ? 8000 : 2500);
}

export async function copy(text, what = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
    toast(what);
  } catch (error) {
    toast(`Not copied: ${error.message}`, true);
  }
}

export function copyButton(text, label) {
  return h("button", { class: "ghost small", type: "button", title: label, "aria-label": label, onclick: () => copy(text) }, icon("copy", 15));
}

/** A line to paste, with its button. */
export function snippet(text, label = "Copy") {
  return h("div", { class: "snippet" }, h("code", { tabindex: "0" }, text), copyButton(text, label));
}

export function button(label, onclick, kind = "") {
  return h("button", { type: "button", class: kind, onclick }, label);
}

let fields = 0;
/** A labelled input; `field.input` is the element itself. */
export function field(label, input, hint) {
  const id = `field-${(fields += 1)}`;
  input.id = id;
  const box = h("div", { class: "field" }, h("label", { for: id }, label), input, hint && h("p", { class: "hint" }, hint));
  box.input = input;
  return box;
}

export function select(options, value, onchange) {
  const element = h(
    "select",
    { onchange: onchange && ((event) => onchange(event.target.value)) },
    options.map((option) => {
      const [key, text] = Array.isArray(option) ? option : [option, option];
      return h("option", { value: key, selected: key === value }, text);
    }),
  );
  return element;
}

/** A table: `columns` are [heading, row => cell, class]; `open(row)` makes each row's first cell a button. */
export function table(caption, columns, rows, open) {
  if (!rows.length) return h("p", { class: "empty" }, `No ${caption.toLowerCase()} yet.`);
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map(([name, , kind]) => h("th", { scope: "col", class: kind }, name)))),
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            {},
            columns.map(([, cell, kind], number) => {
              const content = cell(row);
              return h("td", { class: kind }, open && number === 0 ? h("button", { type: "button", class: "link", onclick: () => open(row) }, content) : content);
            }),
          ),
        ),
      ),
    ),
  );
}

export function chip(text, tone = "") {
  return h("span", { class: `chip ${tone}` }, text);
}

export function card(title, ...children) {
  return h("section", { class: "card" }, title && (title instanceof Node ? title : h("h2", {}, title)), children);
}

export function heading(title, text, ...actions) {
  return h("div", { class: "heading" }, h("div", {}, h("h1", {}, title), text && h("p", { class: "lead" }, text)), h("div", { class: "actions" }, actions));
}

/** Tabs as ARIA has them: `tabs` are [name, () => node]; arrows move. */
export function tabs(label, list, current, onpick) {
  const panel = h("div", { role: "tabpanel", class: "panel", tabindex: "0", "aria-label": label });
  const buttons = list.map(([name, make], number) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        onclick: () => pick(number),
        onkeydown: (event) => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (!step) return;
          event.preventDefault();
          const next = (number + step + list.length) % list.length;
          pick(next);
          buttons[next].focus();
        },
      },
      name,
    ),
  );
  function pick(number) {
    buttons.forEach((one, index) => {
      one.setAttribute("aria-selected", String(index === number));
      one.tabIndex = index === number ? 0 : -1;
    });
    onpick?.(list[number][0]);
    panel.setAttribute("aria-label", list[number][0]);
    show(panel, list[number][1]());
  }
  pick(Math.max(0, list.findIndex(([name]) => name === current)));
  return h("div", { class: "tabs" }, h("div", { role: "tablist", "aria-label": label }, buttons), panel);
}

/** What comes later: a line until it is there, and the reason where it does not come. */
export function later(promise, make, waiting = "Loading…") {
  const box = h("div", { class: "later" }, h("p", { class: "empty" }, waiting));
  promise.then(
    (value) => show(box, make(value)),
    (error) => show(box, problem(error)),
  );
  return box;
}

export function problem(error) {
  return h("p", { class: "problem", role: "alert" }, error.code ? h("strong", {}, `${error.code} `) : null, error.message);
}

/** A question before what cannot be undone. */
export function confirmed(question, act) {
  const dialog = h(
    "dialog",
    { "aria-label": question },
    h("p", {}, question),
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      h(
        "button",
        {
          type: "button",
          class: "danger",
          onclick: () => {
            dialog.close();
            act();
          },
        },
        "Go on",
      ),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** A dialog with a form in it; `save` closes it unless it fails. */
export function form(title, children, save, label = "Save") {
  const trouble = h("div");
  const dialog = h(
    "dialog",
    { "aria-label": title, class: "wide" },
    h("h2", {}, title),
    h(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          try {
            await save();
            dialog.close();
          } catch (error) {
            show(trouble, problem(error));
          }
        },
      },
      children,
      trouble,
      h("div", { class: "actions" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "primary" }, label)),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
