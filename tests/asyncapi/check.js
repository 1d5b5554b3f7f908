// Reads an AsyncAPI document and prints what is wrong with it, a line for each. Used by the tests only.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const wrong = diagnostics.filter(({ severity }) => severity < 2);
for (const { code, message, path } of wrong) console.log(`${path.join(".")}: ${message} (${code})`);
process.exit(document && !wrong.length ? 0 : 1);
