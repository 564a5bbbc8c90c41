// The element in React: attributes are props, and the events are typed.
/// <reference path="../../embed-widget/ts/eventflow-seats.d.ts" />
import { type HTMLAttributes, useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import type { EventDetails, EventflowSeatsElement } from "../../embed-widget/ts/eventflow-seats.d.ts";

interface SeatsAttributes extends HTMLAttributes<EventflowSeatsElement> {
  event: string;
  /** React keeps `key` to itself; the element takes the publishable key by either name. */
  "publishable-key": string;
  lang: string;
  theme: "auto" | "light" | "dark";
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "eventflow-seats": React.DetailedHTMLProps<SeatsAttributes, EventflowSeatsElement>;
    }
  }
}

const EVENTS: (keyof EventDetails)[] = [
  "eventflow-ready",
  "eventflow-select",
  "eventflow-deselect",
  "eventflow-lost",
  "eventflow-hold",
  "eventflow-release",
  "eventflow-hold-expired",
  "eventflow-order",
  "eventflow-error",
];
/** Lines of the log that are kept. */
const LOG_LENGTH = 12;

/** A line for each event; what is a secret of the buyer stays out. */
function describe<N extends keyof EventDetails>(name: N, detail: EventDetails[N]): string {
  const { token: _secret, ...shown } = detail as EventDetails[N] & { token?: string };
  return `${name} ${JSON.stringify(shown)}`;
}

function Shop({ events, publishableKey }: { events: string[]; publishableKey: string }) {
  const seats = useRef<EventflowSeatsElement>(null);
  const [event, setEvent] = useState(events[0] ?? "");
  const [lang, setLang] = useState("en");
  const [theme, setTheme] = useState<SeatsAttributes["theme"]>("auto");
  const [total, setTotal] = useState(0);
  const [log, setLog] = useState<string[]>([]);

  useEffect(() => {
    const element = seats.current;
    if (!element) return;
    const gone = new AbortController();
    for (const name of EVENTS) {
      const note = ({ detail }: CustomEvent<EventDetails[typeof name]>) =>
        setLog((lines) => [describe(name, detail), ...lines].slice(0, LOG_LENGTH));
      element.addEventListener(name, note, { signal: gone.signal });
    }
    const count = ({ detail }: CustomEvent<EventDetails["eventflow-select"]>) =>
      setTotal(detail.selection.reduce((sum, place) => sum + place.totalMinor, 0));
    element.addEventListener("eventflow-select", count, { signal: gone.signal });
    element.addEventListener("eventflow-deselect", count, { signal: gone.signal });
    return () => gone.abort();
  }, []);

  return (
    <main className="wide">
      <h1>The picker in React</h1>
      <form className="knobs">
        <label>
          Event{" "}
          <select value={event} onChange={(change) => setEvent(change.target.value)}>
            <option value={events[0]}>Mahler's Second</option>
            <option value={events[1]}>Night Sounds</option>
          </select>
        </label>
        <label>
          Language{" "}
          <select value={lang} onChange={(change) => setLang(change.target.value)}>
            <option value="en">English</option>
            <option value="de">Deutsch</option>
          </select>
        </label>
        <label>
          Theme{" "}
          <select value={theme} onChange={(change) => setTheme(change.target.value as SeatsAttributes["theme"])}>
            <option>auto</option>
            <option>light</option>
            <option>dark</option>
          </select>
        </label>
        <output aria-live="polite">{(total / 100).toLocaleString(lang, { style: "currency", currency: "EUR" })}</output>
        <button type="button" onClick={() => void seats.current?.clear()}>
          Clear
        </button>
      </form>
      <eventflow-seats ref={seats} event={event} publishable-key={publishableKey} lang={lang} theme={theme} />
      <h2>What it says</h2>
      <ol className="log" aria-live="off">
        {log.map((line, at) => (
          <li key={log.length - at}>
            <code>{line}</code>
          </li>
        ))}
      </ol>
    </main>
  );
}

const root = document.getElementById("root") as HTMLElement;
const { events = "", key = "" } = root.dataset;
createRoot(root).render(<Shop events={events.split(" ")} publishableKey={key} />);
