/**
 * A very small virtual DOM: views are functions of the state that return trees of `h(…)`, and `render` changes the document
 * to match. Elements that stay keep their focus, their scroll position and their half-typed text.
 */

type Handler = (event: never) => void;
type Value = string | number | boolean | null | undefined;

export interface Props {
  key?: string | number;
  /** Called with the element when it has been made. */
  ref?: (element: HTMLElement) => void;
  /** Set through the style object, which a strict CSP allows. */
  style?: Record<string, string>;
  [name: string]: Value | Handler | Record<string, string> | ((element: HTMLElement) => void);
}

export interface VNode {
  tag: string;
  props: Props;
  kids: VNode[];
  text: string;
  node?: Node;
}

export type Child = VNode | string | number | false | null | undefined | Child[];

const TEXT = "#text";
const SVG = "http://www.w3.org/2000/svg";
/** What the user changes as well: set as properties, and only when they differ. */
const AS_PROPERTY = new Set(["value", "checked", "disabled", "selected", "open", "hidden", "inert", "indeterminate"]);

function flat(kids: Child[], out: VNode[] = []): VNode[] {
  for (const kid of kids) {
    if (Array.isArray(kid)) flat(kid, out);
    else if (typeof kid === "object" && kid) out.push(kid);
    else if (kid !== false && kid !== null && kid !== undefined && kid !== "") {
      out.push({ tag: TEXT, props: {}, kids: [], text: String(kid) });
    }
  }
  return out;
}

export function h(tag: string, props?: Props | null, ...kids: Child[]): VNode {
  return { tag, props: props ?? {}, kids: flat(kids), text: "" };
}

type Listening = Element & { efOn?: Record<string, Handler> };

function listen(element: Listening, name: string, handler: Handler | undefined): void {
  const on = (element.efOn ??= {});
  if (!(name in on)) {
    element.addEventListener(name, (event) => on[name]?.(event as never));
  }
  if (handler) on[name] = handler;
  else delete on[name];
}

function setProp(element: Element, name: string, value: Props[string], old: Props[string]): void {
  if (name === "key" || name === "ref") return;
  if (name.startsWith("on")) {
    listen(element as Listening, name.slice(2), value as Handler | undefined);
  } else if (name === "style") {
    const style = (element as HTMLElement).style;
    for (const property of Object.keys((old as Record<string, string>) ?? {})) {
      if (!(value as Record<string, string> | undefined)?.[property]) style.removeProperty(property);
    }
    for (const [property, text] of Object.entries((value as Record<string, string>) ?? {})) {
      style.setProperty(property, text);
    }
  } else if (AS_PROPERTY.has(name)) {
    const target = element as unknown as Record<string, unknown>;
    const wanted = value ?? (name === "value" ? "" : false);
    if (target[name] !== wanted) target[name] = wanted;
  } else if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

function make(vnode: VNode, svg: boolean): Node {
  if (vnode.tag === TEXT) return (vnode.node = document.createTextNode(vnode.text));
  const inSvg = svg || vnode.tag === "svg";
  const element = inSvg ? document.createElementNS(SVG, vnode.tag) : document.createElement(vnode.tag);
  vnode.node = element;
  for (const kid of vnode.kids) element.append(make(kid, inSvg));
  // After the children: the value of a select is one of its options.
  for (const name of Object.keys(vnode.props)) setProp(element, name, vnode.props[name], undefined);
  vnode.props.ref?.(element as HTMLElement);
  return element;
}

function update(old: VNode, next: VNode, svg: boolean): void {
  const node = (next.node = old.node as Node);
  if (next.tag === TEXT) {
    if (old.text !== next.text) node.nodeValue = next.text;
    return;
  }
  const element = node as Element;
  children(element, old.kids, next.kids, svg || next.tag === "svg");
  for (const name of Object.keys(old.props)) {
    if (!(name in next.props)) setProp(element, name, undefined, old.props[name]);
  }
  for (const name of Object.keys(next.props)) {
    // Properties are compared with the document, since the user changes them.
    if (old.props[name] !== next.props[name] || AS_PROPERTY.has(name)) {
      setProp(element, name, next.props[name], old.props[name]);
    }
  }
}

const fits = (a: VNode, b: VNode): boolean => a.tag === b.tag && a.props.key === b.props.key;

function children(parent: Node, old: VNode[], next: VNode[], svg: boolean): void {
  const keyed = new Map<string | number, VNode>();
  for (const kid of old) if (kid.props.key !== undefined) keyed.set(kid.props.key, kid);
  const kept = new Set<VNode>();
  const plain = old.filter((kid) => kid.props.key === undefined);
  let position = 0;
  const pairs = next.map((kid) => {
    let match: VNode | undefined;
    if (kid.props.key !== undefined) match = keyed.get(kid.props.key);
    else match = plain[position++];
    if (match && (!fits(match, kid) || kept.has(match))) match = undefined;
    if (match) kept.add(match);
    return match;
  });
  for (const kid of old) if (!kept.has(kid)) (kid.node as ChildNode).remove();
  let at: Node | null = parent.firstChild;
  next.forEach((kid, index) => {
    const match = pairs[index];
    if (match) update(match, kid, svg);
    const node = match ? (kid.node as Node) : make(kid, svg);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  });
}

const rendered = new WeakMap<Node, VNode[]>();

/** Makes the content of `parent` what `kids` say. `parent` must not be changed by others. */
export function render(parent: Element | ShadowRoot, ...kids: Child[]): void {
  const next = flat(kids);
  children(parent, rendered.get(parent) ?? [], next, false);
  rendered.set(parent, next);
}

/** An icon of 24 units drawn by lines; decoration, never the only name of anything. */
export function icon(path: string): VNode {
  return h("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }, h("path", { d: path }));
}
