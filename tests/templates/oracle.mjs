// Renders templates over conversations with @huggingface/jinja: a job {now, templates: {name: source}, conversations:
// {name: variables}} as JSON on standard input, {template: {conversation: {text} or {error}}} on standard output.
import { Template } from "@huggingface/jinja";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const job = JSON.parse(Buffer.concat(chunks).toString("utf8"));

// The engine's strftime_now reads the clock.
const RealDate = Date;
const now = new RealDate(job.now);
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now.getTime());
    else super(...args);
  }
  static now() {
    return now.getTime();
  }
};

const renders = {};
for (const [name, source] of Object.entries(job.templates)) {
  renders[name] = {};
  for (const [conversation, variables] of Object.entries(job.conversations)) {
    try {
      renders[name][conversation] = { text: new Template(source).render(variables) };
    } catch (error) {
      renders[name][conversation] = { error: String(error.message ?? error) };
    }
  }
}
process.stdout.write(JSON.stringify(renders));
