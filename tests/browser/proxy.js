// A proxy between a client and the bank: it forwards every request, and loses answers as the test tells it. It shares nothing with
// the bank but HTTP, like a gateway, a load balancer or a bad connection.

import { Agent, createServer, request } from "node:http";

const PAGE = "<html><body><h1>An error of the gateway</h1></body></html>";

// By name: how an answer of the bank is lost.
export const LOSSES = {
  "a bare 500": (out) => out.writeHead(500).end(),
  "a 502 with a page": (out) => page(out, 502),
  "a 504 with a page": (out) => page(out, 504),
  "a 503 without a word": (out) => out.writeHead(503, { "retry-after": "1" }).end(),
  "a 408": (out) => page(out, 408),
  "a 429": (out) => out.writeHead(429, { "retry-after": "1" }).end("slow down"),
  "half a body": (out, answer) => cut(out, answer),
  "half a body that ends well": (out, { status, headers, body }) => out.writeHead(status, { "content-type": headers["content-type"] }).end(half(body)),
  "a head without a body": (out, answer) => behead(out, answer),
  "an empty body": (out, { status }) => out.writeHead(status).end(),
  "an empty object": (out, { status, headers }) => out.writeHead(status, { "content-type": headers["content-type"] }).end("{}"),
  "a page under 200": (out) => page(out, 200),
  "nothing": (out) => out.socket.destroy(),
};

export class Proxy {
  // Every request that moves money: its path, its key, and when it came.
  posts = [];
  // A page that contains this word comes in two pieces, the second one later. Nothing is compressed then.
  pauseAfter = null;
  #loss = null;
  #left = 0;
  #server;
  #agent = new Agent({ keepAlive: true });

  static async before(target) {
    const proxy = new Proxy();
    proxy.#server = createServer((asked, out) => proxy.#carry(new URL(target), asked, out));
    await new Promise((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`;
    return proxy;
  }

  // Loses this many of the next answers to a POST in this way.
  lose(name, times = Infinity) {
    this.answer(LOSSES[name], times);
  }

  // Replaces them by what `loss` answers.
  answer(loss, times = Infinity) {
    [this.#loss, this.#left] = [loss, times];
  }

  // Loses no more answers.
  pass() {
    this.#left = 0;
  }

  async end() {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #carry(target, asked, out) {
    const { method, url: path, headers } = asked;
    const isPost = method === "POST";
    if (isPost) this.posts.push({ path, key: headers["idempotency-key"], at: Date.now() });
    if (this.pauseAfter) delete headers["accept-encoding"];
    const options = { host: target.hostname, port: target.port, path, method, agent: this.#agent };
    const on = request({ ...options, headers: { ...headers, host: target.host } }, async (answer) => {
      const [chunks, { statusCode: status, headers }] = [[], answer];
      for await (const chunk of answer) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      if (this.pauseAfter && body.includes(this.pauseAfter)) return inPieces(out, { status, headers, body }, this.pauseAfter);
      if (!isPost || this.#left <= 0) return out.writeHead(status, headers).end(body);
      this.#left--;
      return this.#loss(out, { status, headers, body });
    });
    on.on("error", () => out.destroy());
    asked.pipe(on);
  }
}

function page(out, status) {
  out.writeHead(status, { "content-type": "text/html", "retry-after": "1" }).end(PAGE);
}

function inPieces(out, { status, headers, body }, word) {
  const end = body.indexOf(word) + word.length;
  out.writeHead(status, headers).write(body.subarray(0, end));
  setTimeout(() => out.end(body.subarray(end)), 700);
}

// Half of the promised length, and then the end of the connection.
function cut(out, { status, headers, body }) {
  out.writeHead(status, headers);
  out.write(half(body), () => out.socket.destroy());
}

// The headers, and then the end of the connection.
function behead(out, { status, headers }) {
  out.writeHead(status, headers).flushHeaders();
  out.socket.end();
}

const half = (body) => body.subarray(0, body.length / 2);
