"""The ACL as an amqtt plugin: what amqtt's own code asks before it adds a subscription.

amqtt runs a task for each question to a plugin; asked for each publication and each delivery that halves the
throughput and more (3,000 messages a second against 9,000). So on those paths the broker asks the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amqtt.contexts import Action
from amqtt.plugins.base import BaseTopicPlugin

if TYPE_CHECKING:
    from amqtt.contexts import BaseContext
    from amqtt.session import Session

    from tidelog_service.embedded.rules import Rules


class DeviceTopics(BaseTopicPlugin):
    """Holds each device to its own topics."""

    @dataclass
    class Config:
        """The plugin's options.

        Attributes:
            rules: a `Rules`; amqtt's loader would try to build one if it were declared so.
        """

        rules: Any

    def __init__(self, context: BaseContext) -> None:
        """See amqtt's base class."""
        super().__init__(context)
        self._rules: Rules = self.config.rules

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Decide about one subscription, publication or delivery; no, where amqtt leaves something out."""
        if session is None or not session.client_id or topic is None:
            return False
        questions = {
            Action.SUBSCRIBE: self._rules.may_subscribe,
            Action.PUBLISH: self._rules.may_publish,
            Action.RECEIVE: self._rules.may_receive,
        }
        return action in questions and questions[action](session.client_id, topic)


def configuration(rules: Rules) -> dict[str, dict[str, Rules]]:
    """The ``plugins`` section of amqtt's configuration: this plugin and none of amqtt's defaults."""
    return {f"{DeviceTopics.__module__}.{DeviceTopics.__qualname__}": {"rules": rules}}
