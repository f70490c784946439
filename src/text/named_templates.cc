#include "text/named_templates.h"

#include <fmt/format.h>

#include <array>

namespace hearth::text {
namespace {

// For formats without a place for the system message: it goes before the first question.
#define HEARTH_SYSTEM_FIRST                                                                     \
  "{%- set ns = namespace(system='') -%}{%- if messages and messages[0].role == 'system' -%}"   \
  "{%- set ns.system = messages[0].content + '\n\n' -%}{%- set messages = messages[1:] -%}{%- " \
  "endif -%}"

constexpr auto kNamed = std::to_array<NamedTemplate>({
    {"chatml", "Qwen, Yi, Hermes, SmolLM, many fine-tunes",
     "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
     "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"},
    {"llama2", "Llama 2 Chat, CodeLlama Instruct",
     "{%- set ns = namespace(system='') -%}{%- if messages and messages[0].role == 'system' -%}"
     "{%- set ns.system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' -%}"
     "{%- set messages = messages[1:] -%}{%- endif -%}"
     "{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
     "{{ ' ' + m.content | trim + ' ' + eos_token }}{%- else -%}"
     "{{ bos_token + '[INST] ' + ns.system + m.content | trim + ' [/INST]' }}"
     "{%- set ns.system = '' -%}{%- endif -%}{%- endfor -%}"},
    {"llama3", "Llama 3 to 3.3 Instruct",
     "{{ bos_token }}{%- for m in messages -%}"
     "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + "
     "'<|eot_id|>' }}"
     "{%- endfor -%}{%- if add_generation_prompt -%}"
     "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif -%}"},
    {"llama4", "Llama 4",
     "{{ bos_token }}{%- for m in messages -%}"
     "{{ '<|header_start|>' + m.role + '<|header_end|>\n\n' + m.content | trim + '<|eot|>' }}"
     "{%- endfor -%}{%- if add_generation_prompt -%}"
     "{{ '<|header_start|>assistant<|header_end|>\n\n' }}{%- endif -%}"},
    {"mistral-v1", "Mistral 7B v0.1 and v0.2, Mixtral",
     HEARTH_SYSTEM_FIRST
     "{{ bos_token }}{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
     "{{ ' ' + m.content | trim + eos_token }}{%- else -%}"
     "{{ '[INST] ' + ns.system + m.content + ' [/INST]' }}{%- set ns.system = '' -%}"
     "{%- endif -%}{%- endfor -%}"},
    {"mistral-v3", "Mistral 7B v0.3, Nemo, Small 2409, Large 2407",
     HEARTH_SYSTEM_FIRST
     "{{ bos_token }}{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
     "{{ m.content | trim + eos_token }}{%- else -%}"
     "{{ '[INST]' + ns.system + m.content + '[/INST]' }}{%- set ns.system = '' -%}"
     "{%- endif -%}{%- endfor -%}"},
    {"mistral-v7", "Mistral Small 3, Large 2411, Devstral, Magistral",
     "{{ bos_token }}{%- for m in messages -%}{%- if m.role == 'system' -%}"
     "{{ '[SYSTEM_PROMPT]' + m.content + '[/SYSTEM_PROMPT]' }}{%- elif m.role == 'assistant' -%}"
     "{{ m.content + eos_token }}{%- else -%}{{ '[INST]' + m.content + '[/INST]' }}"
     "{%- endif -%}{%- endfor -%}"},
    {"gemma", "Gemma 1 to 3",
     HEARTH_SYSTEM_FIRST
     "{{ bos_token }}{%- for m in messages -%}"
     "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' }}"
     "{%- if m.role != 'assistant' -%}{{ ns.system }}{%- set ns.system = '' -%}{%- endif -%}"
     "{{ m.content | trim + '<end_of_turn>\n' }}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"},
    {"phi3", "Phi 3, 3.5 and 4 mini",
     "{%- for m in messages -%}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%}"},
    {"phi4", "Phi 4",
     "{%- for m in messages -%}"
     "{{ '<|im_start|>' + m.role + '<|im_sep|>' + m.content + '<|im_end|>' }}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant<|im_sep|>' }}{%- endif -%}"},
    {"zephyr", "Zephyr, StableLM 2 Zephyr, TinyLlama Chat",
     "{%- for m in messages -%}{{ '<|' + m.role + '|>\n' + m.content + eos_token + '\n' }}"
     "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%}"},
    {"alpaca", "Alpaca, WizardLM, many early fine-tunes",
     HEARTH_SYSTEM_FIRST
     "{{ ns.system }}{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
     "{{ '### Response:\n' + m.content | trim + eos_token + '\n\n' }}{%- else -%}"
     "{{ '### Instruction:\n' + m.content | trim + '\n\n' }}{%- endif -%}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ '### Response:\n' }}{%- endif -%}"},
    {"vicuna", "Vicuna, LLaVA 1.5, WizardLM 13B",
     HEARTH_SYSTEM_FIRST
     "{{ bos_token + ns.system }}{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
     "{{ 'ASSISTANT: ' + m.content | trim + eos_token + '\n' }}{%- else -%}"
     "{{ 'USER: ' + m.content | trim + '\n' }}{%- endif -%}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ 'ASSISTANT:' }}{%- endif -%}"},
    {"deepseek", "DeepSeek V2.5, V3 and R1",
     "{{ bos_token }}{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
     "{{ '<｜Assistant｜>' + m.content + '<｜end▁of▁sentence｜>' }}{%- elif m.role == 'system' -%}"
     "{{ m.content }}{%- else -%}{{ '<｜User｜>' + m.content }}{%- endif -%}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ '<｜Assistant｜>' }}{%- endif -%}"},
    {"deepseek-coder", "DeepSeek Coder 1",
     HEARTH_SYSTEM_FIRST
     "{{ bos_token + ns.system }}{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
     "{{ '### Response:\n' + m.content + '\n<|EOT|>\n' }}{%- else -%}"
     "{{ '### Instruction:\n' + m.content + '\n' }}{%- endif -%}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ '### Response:' }}{%- endif -%}"},
    {"command-r", "Command R, R+, R7B, A, Aya",
     "{{ bos_token }}{%- for m in messages -%}{{ '<|START_OF_TURN_TOKEN|>' + "
     "('<|SYSTEM_TOKEN|>' if m.role == 'system' else '<|CHATBOT_TOKEN|>' if m.role == 'assistant' "
     "else "
     "'<|USER_TOKEN|>') + m.content | trim + '<|END_OF_TURN_TOKEN|>' }}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{%- endif "
     "-%}"},
    {"granite", "Granite 3 and 4",
     "{%- for m in messages -%}{{ '<|start_of_role|>' + m.role + '<|end_of_role|>' + m.content + "
     "'<|end_of_text|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}"
     "{{ '<|start_of_role|>assistant<|end_of_role|>' }}{%- endif -%}"},
    {"glm4", "GLM 4",
     "{{ '[gMASK]<sop>' }}{%- for m in messages -%}{{ '<|' + m.role + '|>\n' + m.content }}"
     "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%}"},
    {"exaone", "EXAONE 3 and 4",
     "{%- for m in messages -%}{{ '[|' + m.role + '|]' + m.content + "
     "('\n' if m.role == 'user' else '[|endofturn|]\n') }}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ '[|assistant|]' }}{%- endif -%}"},
    {"falcon3", "Falcon 3",
     "{%- for m in messages -%}{{ '<|' + m.role + '|>\n' + m.content + '\n' }}"
     "{%- if m.role == 'assistant' -%}{{ eos_token + '\n' }}{%- endif -%}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%}"},
    {"openchat", "OpenChat 3.5, Starling",
     "{{ bos_token }}{%- for m in messages -%}"
     "{{ ('' if m.role == 'system' else 'GPT4 Correct ' + m.role | title + ': ') + m.content + "
     "'<|end_of_turn|>' }}{%- endfor -%}"
     "{%- if add_generation_prompt -%}{{ 'GPT4 Correct Assistant:' }}{%- endif -%}"},
    {"solar", "Solar 10.7B Instruct",
     "{%- for m in messages -%}{{ '### ' + m.role | title + ':\n' + m.content | trim + '\n\n' }}"
     "{%- endfor -%}{%- if add_generation_prompt -%}{{ '### Assistant:\n' }}{%- endif -%}"},
    {"rwkv", "RWKV World",
     "{%- for m in messages -%}{{ m.role | title + ': ' + m.content | trim + '\n\n' }}{%- endfor "
     "-%}"
     "{%- if add_generation_prompt -%}{{ 'Assistant:' }}{%- endif -%}"},
    {"plain", "base models: names and a colon",
     "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}"
     "{% if add_generation_prompt %}assistant:{% endif %}"},
});

#undef HEARTH_SYSTEM_FIRST

constexpr auto kCures = std::to_array<TemplateCure>({
    {"list-append",
     "it changes a list while it renders, which Hugging Face's sandbox and Hearth refuse: "
     "every conversation with tool calls fails (Kimi K2 Instruct and Thinking)",
     "tool_response_queue", "{%- set _ = tool_response_queue.ids.append(formatted_id) -%}",
     "{%- set tool_response_queue.ids = tool_response_queue.ids + [formatted_id] -%}"},
    {"tojson-of-map",
     "it writes a generator as JSON, which Python refuses: every conversation with tools "
     "fails (the DeepSeek R1 template of llama.cpp)",
     "map(attribute='function')", "tools | map(attribute='function') | tojson",
     "tools | map(attribute='function') | list | tojson"},
    {"functions-variable",
     "it asks for the tools as 'functions', which no program gives: every "
     "conversation fails (Firefunction 2)",
     "Available functions as JSON spec", "+ functions -%}",
     "+ (functions if functions is defined else (tools or []) | tojson) -%}"},
    {"datetime-variable",
     "it asks for the date as 'datetime', which no program gives: every "
     "conversation fails (Firefunction 2)",
     "Available functions as JSON spec", "+ datetime +",
     "+ (datetime if datetime is defined else strftime_now('%Y-%m-%d')) +"},
});

}  // namespace

std::span<const NamedTemplate> named_templates() { return kNamed; }

const NamedTemplate* find_named_template(std::string_view name) {
  for (const NamedTemplate& named : kNamed)
    if (named.name == name) return &named;
  return nullptr;
}

std::string named_template_list() {
  std::string list;
  for (const NamedTemplate& named : kNamed)
    list += fmt::format("{}{}", list.empty() ? "" : ", ", named.name);
  return list;
}

std::span<const TemplateCure> template_cures() { return kCures; }

CuredTemplate cure_template(std::string_view source) {
  CuredTemplate cured{.source = std::string(source), .notes = {}};
  for (const TemplateCure& cure : kCures) {
    if (!source.contains(cure.marker)) continue;
    size_t at = cured.source.find(cure.from);
    if (at == std::string::npos) continue;
    for (; at != std::string::npos; at = cured.source.find(cure.from, at + cure.to.size()))
      cured.source.replace(at, cure.from.size(), cure.to);
    cured.notes.push_back(
        fmt::format("the model's chat template is mended ({}): {}", cure.name, cure.problem));
  }
  return cured;
}

}  // namespace hearth::text
