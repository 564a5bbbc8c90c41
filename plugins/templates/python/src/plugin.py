"""A text message beside the reminder."""

# Import at the top of the file: when the plugin runs there are no files to import from.
from wit_world import exports
from wit_world.exports.notification import Decision, Decision_Send
from wit_world.imports import config
from wit_world.imports.types import Message, Notice


class Notification(exports.Notification):
    def notify(self, notice: Notice) -> Decision:
        """Called after something happened. What it returns is sent instead of the default messages."""
        messages = list(notice.default_messages)
        if notice.kind == "event.reminder" and notice.order is not None:
            greeting = "Bis bald bei" if notice.locale.startswith("de") else "See you soon at"
            hint = config.get("hint") or ""
            text = f"{greeting} {notice.event.name}! {hint} {notice.order.tickets_url}"
            messages.append(Message("sms", "buyer", "", " ".join(text.split()), None, [], []))
        return Decision_Send(messages)
