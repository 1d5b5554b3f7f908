// What every program here prints, and waiting that ends.
"use strict";

const { readFileSync } = require("node:fs");

exports.sayVersion = (name, folder = __dirname) => {
  const { version } = JSON.parse(readFileSync(`${folder}/node_modules/${name}/package.json`));
  console.log(JSON.stringify({ version }));
};
exports.say = (did, data) => console.log(JSON.stringify({ did, data }));

// Messages in order; next(test) gives the next one that passes.
exports.Messages = class {
  constructor() {
    this.waiting = [];
    this.wake = () => {};
  }
  put(message) {
    this.waiting.push(message);
    this.wake();
  }
  async next(test) {
    for (;;) {
      while (this.waiting.length) {
        const message = this.waiting.shift();
        if (test(message)) return message;
      }
      await new Promise((done) => { this.wake = done; });
    }
  }
};

exports.run = (main) => {
  const late = setTimeout(() => { console.error("too late"); process.exit(1); }, 60000);
  main(...process.argv.slice(2)).then(
    () => { clearTimeout(late); process.exit(0); },
    (error) => { console.error(error); process.exit(1); },
  );
};
