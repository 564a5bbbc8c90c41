// Every mail to a buyer begins and ends as the house likes it. A change that nobody has to know about is not mailed.
import { get } from "eventflow:plugin/config@1.0.0";

export const notification = {
  notify(notice) {
    if (notice.kind === "event.changed" && notice.defaultMessages.length === 0) {
      return { tag: "suppress", val: "nothing to say" };
    }
    const greeting = get("greeting");
    const ending = get("ending");
    const messages = notice.defaultMessages.map((message) =>
      message.channel === "email" && message.recipient === "buyer"
        ? { ...message, body: [greeting, message.body, ending].filter(Boolean).join("\n\n") }
        : message,
    );
    return { tag: "send", val: messages };
  },
};
