"""A text message beside the reminder."""

# Import at the top of the file: when the plugin runs there are no files to import from.
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.notification import Decision, Decision_Send
from wit_world.imports import config
from wit_world.imports.types import Message, Notice


def messages(notice: Notice) -> list[Message]:
    """What is sent instead of the default messages."""
    if notice.kind != "event.reminder" or notice.order is None:
        return notice.default_messages
    greeting = "Bis bald bei" if notice.locale.startswith("de") else "See you soon at"
    text = f"{greeting} {notice.event.name}! {config.get('hint') or ''} {notice.order.tickets_url}"
    reminder = Message("sms", "buyer", "", " ".join(text.split()), None, [], [])
    return [*notice.default_messages, reminder]


class Notification(exports.Notification):
    def notify(self, notice: Notice) -> Decision:
        """Called after something happened."""
        try:
            return Decision_Send(messages(notice))
        except Exception as error:
            # An exception that nothing catches ends the call without a word.
            raise Err(f"{type(error).__name__}: {error}") from None
