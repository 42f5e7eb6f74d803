"""telegram_bot: the rules of tests/fakes/telegram: chats, floods, methods, and what is remembered."""
import collections
import json
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import telegram_html  # noqa: E402

TOKEN = "4711:AAHfake-token-of-the-tests_0123456789"
MAX_FILE_BYTES = 50 << 20
CHATS = ("4711:ok", "4712:ok", "-4713:ok", "-1004714:ok+7+8", "-1004715:ok", "-1004716:ok")
CHANNELS = {-1004716: "trader_alerts"}
FORBIDDEN = {"blocked": "bot was blocked by the user", "deactivated": "user is deactivated",
             "not-started": "bot can't initiate conversation with a user", "kicked": "bot was kicked from the {} chat",
             "not-member": "bot is not a member of the {} chat", "deleted": "the group chat was deleted"}
UNAUTHORIZED = "Unauthorized"


class Answer(Exception):
    """What a request comes to, other than a result."""

    def __init__(self, status, description, parameters=None, hold=0.0):
        super().__init__(description)
        self.status, self.description, self.parameters, self.hold = status, description, parameters, hold


def bad(text):
    return Answer(400, f"Bad Request: {text}")


class Chat:
    def __init__(self, number, state="ok", topics=(), title=None):
        self.id, self.state, self.topics = number, state, set(topics)
        self.username = CHANNELS.get(number)
        self.title = title or {True: f"Chat {number}", False: None}[number < 0]
        if number > 0:
            self.type = "private"
        elif self.username:
            self.type = "channel"
        else:
            self.type = "supergroup" if str(number).startswith("-100") else "group"

    def described(self):
        chat = {"id": self.id, "type": self.type}
        if self.type == "private":
            return dict(chat, first_name=self.title or "Mina", username="mina")
        chat["title"] = self.title
        if self.username:
            chat["username"] = self.username
        if self.topics:
            chat["is_forum"] = True
        return chat

    def check(self):
        state, _, other = self.state.partition(":")
        if state == "missing":
            raise bad("chat not found")
        if state == "no-rights":
            raise bad("not enough rights to send text messages to the chat")
        if state == "migrated":
            raise Answer(400, "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": int(other)})
        if state in FORBIDDEN:
            raise Answer(403, "Forbidden: " + FORBIDDEN[state].format(self.type))


class Limits:
    """Floods, as the real server counts them. Under the bot's lock."""

    def __init__(self, hold, flood_wait, is_on):
        self.hold, self.flood_wait, self.is_on = hold, flood_wait, is_on
        self.clear()

    def clear(self):
        self.of_chat, self.of_group = {}, collections.defaultdict(collections.deque)
        self.overall, self.until = collections.deque(), {}

    def flood(self, chat):
        self.until[chat] = time.monotonic() + self.hold + self.flood_wait
        raise Answer(429, f"Too Many Requests: retry after {self.flood_wait}", {"retry_after": self.flood_wait}, self.hold)

    def take(self, chat):
        if not self.is_on:
            return
        now = time.monotonic()
        left = self.until.get(chat, 0) - now
        if left > 0:
            wait = max(1, round(left + 0.5))
            raise Answer(429, f"Too Many Requests: retry after {wait}", {"retry_after": wait})
        tokens, at = self.of_chat.get(chat, (4.0, now))
        tokens = min(4.0, tokens + now - at)
        group = self.of_group[chat]
        while group and group[0] <= now - 60:
            group.popleft()
        while self.overall and self.overall[0] <= now - 1:
            self.overall.popleft()
        if tokens < 1 or (chat < 0 and len(group) >= 20) or len(self.overall) >= 30:
            self.flood(chat)
        self.of_chat[chat] = (tokens - 1, now)
        self.overall.append(now)
        if chat < 0:
            group.append(now)


class Bot:
    def __init__(self, options):
        self.options = options
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.limits = Limits(options.hold, options.flood_wait, not options.no_limits)
        self.has_time_tag = not options.no_tg_time
        self.is_revoked = False
        self.webhook = ""
        self.chats = {}
        for one in (*CHATS, *options.chat):
            number, _, state = one.partition(":")
            state, *topics = state.split("+")
            self.chats[int(number)] = Chat(int(number), state or "ok", map(int, topics))
        self.log_file = open(options.log, "a", encoding="utf-8") if options.log else None
        self.down = None
        self.updates, self.next_update, self.poll = [], 1, 0
        self.next_message = 1
        self.clear()

    def clear(self):
        self.messages, self.rules, self.log = [], [], []
        self.limits.clear()

    # ---- what is asked of it -------------------------------------------------------------------------

    def rule_for(self, method, chat):
        with self.lock:
            for rule in self.rules:
                if rule.get("method", method).lower() != method.lower() or str(rule.get("chat", chat)) != str(chat):
                    continue
                if rule.get("skip", 0) > 0:
                    rule["skip"] -= 1
                    continue
                times = rule.get("times", 1)
                if times == 1:
                    self.rules.remove(rule)
                elif times > 1:
                    rule["times"] = times - 1
                return rule
        return {}

    def chat_of(self, params):
        name = str(params.get("chat_id", "")).strip()
        if not name:
            raise bad("chat_id is empty")
        if name.startswith("@"):
            found = [chat for chat in self.chats.values() if chat.username and chat.username.lower() == name[1:].lower()]
        else:
            found = [self.chats[int(name)]] if re.fullmatch(r"-?\d{1,18}", name) and int(name) in self.chats else []
        if not found:
            raise bad("chat not found")
        return found[0]

    def topic_of(self, chat, params):
        topic = int(params.get("message_thread_id") or 0)
        if topic and topic not in chat.topics:     # 1, "General", is none that can be named
            raise bad("message thread not found")
        return topic or None

    def reply_of(self, chat, params):
        reply = params.get("reply_parameters")
        if isinstance(reply, str):
            reply = json.loads(reply)
        wanted = int((reply or {}).get("message_id") or 0)
        if not wanted:
            return None
        if any(message["chat"] == chat.id and message["message_id"] == wanted for message in self.messages):
            return wanted
        if reply.get("allow_sending_without_reply") in (True, "true", 1):
            return None
        raise bad("message to be replied not found")

    def text_of(self, params, name, max_length):
        raw = params.get(name, "")
        if not isinstance(raw, (str, bytes)):
            raise bad(f"{name} must be a string")
        try:
            raw = raw if isinstance(raw, bytes) else raw.encode()
            return telegram_html.parse(raw, str(params.get("parse_mode", "")), max_length, self.has_time_tag)
        except (telegram_html.Refused, UnicodeEncodeError) as reason:
            raise bad(str(reason)) from None

    def keep(self, chat, params, text, entities, document=None):
        topic, reply = self.topic_of(chat, params), self.reply_of(chat, params)
        self.limits.take(chat.id)
        message = {"chat": chat.id, "message_id": self.next_message, "text": text, "entities": entities, "topic": topic,
                   "reply_to": reply, "silent": str(params.get("disable_notification", False)).lower() in ("true", "1"),
                   "document": document, "edits": 0, "at": time.time(), "preview": self.has_preview(params)}
        self.next_message += 1
        self.messages.append(message)
        return message

    @staticmethod
    def has_preview(params):
        options = params.get("link_preview_options") or {}
        if isinstance(options, str):
            options = json.loads(options)
        return not (options.get("is_disabled") or str(params.get("disable_web_page_preview")).lower() == "true")

    def result_of(self, chat, message):
        result = {"message_id": message["message_id"], "date": int(time.time()), "chat": chat.described(),
                  "from": {"id": 4711, "is_bot": True, "first_name": "Alerts", "username": "alerts_bot"}}
        if message["document"]:
            result["document"] = {"file_id": f"F{message['message_id']}", "file_unique_id": f"U{message['message_id']}",
                                  "file_name": message["document"]["name"], "file_size": message["document"]["bytes"]}
            result["caption"] = message["text"]
        else:
            result["text"] = message["text"]
        if message["topic"]:
            result["message_thread_id"] = message["topic"]
        return result

    # ---- methods: params, files → (result, message or None) ------------------------------------------

    def do_getme(self, params, files):
        return {"id": 4711, "is_bot": True, "first_name": "Alerts", "username": "alerts_bot", "can_join_groups": True,
                "can_read_all_group_messages": False, "supports_inline_queries": False}, None

    def do_getchat(self, params, files):
        chat = self.chat_of(params)
        if chat.state != "ok":
            chat.check()
        return chat.described(), None

    def do_getwebhookinfo(self, params, files):
        return {"url": self.webhook, "has_custom_certificate": False, "pending_update_count": len(self.updates)}, None

    def do_deletewebhook(self, params, files):
        self.webhook = ""
        return True, None

    def do_sendmessage(self, params, files):
        text, entities = self.text_of(params, "text", telegram_html.MAX_TEXT)
        chat = self.chat_of(params)
        chat.check()
        message = self.keep(chat, params, text, entities)
        return self.result_of(chat, message), message

    def do_senddocument(self, params, files):
        caption, entities = self.text_of(params, "caption", telegram_html.MAX_CAPTION)
        document = files.get("document")
        if document is None:
            raise bad("there is no document in the request")
        if not document["bytes"]:
            raise bad("file must be non-empty")
        if document["bytes"] > MAX_FILE_BYTES:
            raise Answer(413, "Request Entity Too Large")
        chat = self.chat_of(params)
        chat.check()
        message = self.keep(chat, params, caption, entities, document)
        return self.result_of(chat, message), message

    def do_editmessagetext(self, params, files):
        text, entities = self.text_of(params, "text", telegram_html.MAX_TEXT)
        chat = self.chat_of(params)
        wanted = int(params.get("message_id") or 0)
        if not wanted:
            raise bad("message identifier is not specified")
        chat.check()
        found = [each for each in self.messages if each["chat"] == chat.id and each["message_id"] == wanted]
        if not found:
            raise bad("message to edit not found")
        message = found[0]
        if message["document"]:
            raise bad("there is no text in the message to edit")
        if (message["text"], message["entities"]) == (text, entities):
            raise bad("message is not modified: specified new message content and reply markup are exactly the same as a "
                      "current content and reply markup of the message")
        self.limits.take(chat.id)
        message.update(text=text, entities=entities, edits=message["edits"] + 1)
        return self.result_of(chat, message), message

    def do_deletemessage(self, params, files):
        chat = self.chat_of(params)
        left = [each for each in self.messages if (each["chat"], each["message_id"]) != (chat.id, int(params.get("message_id") or 0))]
        if len(left) == len(self.messages):
            raise bad("message to delete not found")
        self.messages = left
        return True, None

    def do_getupdates(self, params, files):
        if self.webhook:
            raise Answer(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
        offset, limit = int(params.get("offset") or 0), int(params.get("limit") or 100)
        deadline = time.monotonic() + float(params.get("timeout") or 0)
        self.poll += 1
        mine = self.poll
        self.changed.notify_all()
        if offset > 0:
            self.updates = [update for update in self.updates if update["update_id"] >= offset]
        while not self.updates and time.monotonic() < deadline:
            self.changed.wait(min(0.1, deadline - time.monotonic()))
            if self.poll != mine:
                raise Answer(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
        return self.updates[:limit], None

    def call(self, method, params, files):
        handler = getattr(self, f"do_{method.lower()}", None)
        if handler is None:
            raise Answer(404, "Not Found: method not found")
        with self.lock:
            try:
                return handler(params, files)
            except (ValueError, AttributeError, TypeError) as error:
                raise bad(f"can't parse the request: {error}") from None

    # ---- what is remembered ----------------------------------------------------------------------------

    def note(self, **fields):
        with self.lock:
            line = {"n": len(self.log) + 1, "at": time.time(), **fields}
            self.log.append(line)
            if self.log_file:
                print(json.dumps(line, ensure_ascii=True, default=str), file=self.log_file, flush=True)

    def counts(self):
        with self.lock:
            refused = collections.Counter(str(line["status"]) for line in self.log if line["status"] != 200)
            return {"requests": len(self.log), "messages": len(self.messages), "refused": refused,
                    "edits": sum(message["edits"] for message in self.messages),
                    "documents": sum(message["document"] is not None for message in self.messages)}


def check_token(bot, token):
    if not re.fullmatch(r"\d{1,16}:[A-Za-z0-9_-]{10,}", token):
        raise Answer(401, "Unauthorized: invalid token specified")
    if bot.is_revoked or token != bot.options.token:
        raise Answer(401, UNAUTHORIZED)
