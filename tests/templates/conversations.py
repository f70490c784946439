"""The conversations over which every template is rendered: variables of a template, by name."""

TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "The weather of a city.", "parameters": {
            "type": "object", "properties": {
                "city": {"type": "string", "description": "its name"},
                "days": {"type": "integer", "description": "how many"}},
            "required": ["city"]}}},
    {"type": "function", "function": {
        "name": "search", "description": "Searches.", "parameters": {
            "type": "object", "properties": {"query": {"type": "string", "description": "words"}},
            "required": ["query"]}}},
]


def system(text="Be brief."):
    return {"role": "system", "content": text}


def user(text="What is the weather in Paris?"):
    return {"role": "user", "content": text}


def answer(text="It rains.", **fields):
    return {"role": "assistant", "content": text, **fields}


def call(name, arguments, number=1):
    return {"id": f"callid{number:03}", "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*made, text=""):
    return answer(text, tool_calls=list(made))


def result(text="rain, 12 degrees", number=1, name="get_weather"):
    return {"role": "tool", "content": text, "tool_call_id": f"callid{number:03}", "name": name}


PARIS = call("get_weather", {"city": "Paris", "days": 2})
IMAGE = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}
PARTS = {"role": "user", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]}
THOUGHT = answer("4", reasoning_content="two and two")

MESSAGES = {
    "user": [user()],
    "system": [system(), user()],
    "turns": [user("a"), answer("b"), user("c"), answer("d"), user("e")],
    "system_turns": [system("  spaces  "), user(" a \n"), answer(" b "), user("c")],
    "unicode": [system('"quotes" <tag> & \\n é'), user("Grüße 你好 😀 {{ x }} {% y %}")],
    "empty": [user("")],
    "answered": [user(), answer()],
    "two_users": [user("a"), user("b")],
    "assistant_first": [answer("Hello."), user("Hi.")],
    "late_system": [user("a"), answer("b"), system("c"), user("d")],
    "developer": [{"role": "developer", "content": "Be brief."}, user()],
    "odd_role": [user(), {"role": "critic", "content": "No."}],
    "named": [{"role": "user", "name": "Ann", "content": "Hi."}],
    "image": [IMAGE],
    "parts": [PARTS],
    "thought": [user("2+2?"), THOUGHT],
    "thought_turns": [user("2+2?"), THOUGHT, user("and 3?")],
    "think_tags": [user("2+2?"), answer("<think>\nhm\n</think>\n\n4"), user("and 3?")],
    "call": [user(), calls(PARIS)],
    "call_text": [user(), calls(PARIS, text="Let me look.")],
    "call_string": [user(), calls(call("get_weather", '{"city": "Paris"}'))],
    "call_result": [user(), calls(PARIS), result()],
    "call_answer": [system(), user(), calls(PARIS), result(), answer(), user("Thanks.")],
    "two_calls": [user(), calls(PARIS, call("search", {"query": "x"}, 2)), result(), result("found", 2, "search")],
    "call_thought": [user(), answer("", reasoning_content="look it up", tool_calls=[PARIS]), result()],
}


def all_conversations():
    """{name: variables}"""
    out = {}
    for name, messages in MESSAGES.items():
        with_tools = name.startswith(("call", "two_calls"))
        base = {"messages": messages, "bos_token": "<s>", "eos_token": "</s>",
                "add_generation_prompt": messages[-1]["role"] != "assistant"}
        out[name] = {**base, "tools": TOOLS} if with_tools else base
    first = out["system"]
    out["tools"] = {**first, "tools": TOOLS}
    out["thinking_on"] = {**first, "enable_thinking": True, "thinking": True}
    out["thinking_off"] = {**first, "enable_thinking": False, "thinking": False}
    out["effort"] = {**first, "reasoning_effort": "low", "thinking_budget": 512}
    out["thought_on"] = {**out["thought_turns"], "enable_thinking": True, "thinking": True}
    out["no_prompt"] = {**first, "add_generation_prompt": False}
    return out
