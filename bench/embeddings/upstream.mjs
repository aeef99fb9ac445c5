// The upstream of both: answers with vectors of 1,536 numbers in base64, the same for every input but for its first ones.
// usage: node upstream.mjs PORT
import { createServer } from 'node:http';

const floats = new Float32Array(1536).map((_, i) => Math.sin(i) / 28);
const text = Buffer.from(floats.buffer).toString('base64');
let count = 0;

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { model, input } = JSON.parse(Buffer.concat(chunks));
  const rows = input.map((_, index) => {
    const own = Buffer.from(new Float32Array([++count / 1e6, index / 1e3, 0.5]).buffer).toString('base64');
    return `{"object":"embedding","index":${index},"embedding":"${own}${text.slice(own.length)}"}`;
  });
  const tail = `],"model":${JSON.stringify(model)},"usage":{"prompt_tokens":${8 * input.length},"total_tokens":${8 * input.length}}}`;
  const body = `{"object":"list","data":[${rows.join(',')}${tail}`;
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}).listen(Number(process.argv[2]), '127.0.0.1');
