// A person with a browser that keeps cookies and sends forms: logs in, allows, and says where the client is answered.

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#34": '"', "#39": "'" };
const plain = (text) => text.replace(/&(amp|lt|gt|quot|#34|#39);/g, (_, name) => ENTITIES[name]);

function attributes(tag) {
  return Object.fromEntries([...tag.matchAll(/([a-z-]+)="([^"]*)"/g)].map(([, name, value]) => [name, plain(value)]));
}

/** The first form of a page: where it goes, and what it holds. */
function formOf(html) {
  const found = /<form\b([^>]*)>([\s\S]*?)<\/form>/.exec(html);
  if (!found) throw new Error(`no form on the page: ${html.slice(0, 300)}`);
  const inputs = [...found[2].matchAll(/<input\b[^>]*>/g)].map(([tag]) => attributes(tag));
  return { action: attributes(found[1]).action ?? "", values: Object.fromEntries(inputs.map((i) => [i.name, i.value ?? ""])) };
}

/** Follows an authorization request to its end, and returns the URL at which the client is answered. */
export async function answerTo(authorizationUrl, { redirect_uri, username, password }) {
  const cookies = new Map();
  const ask = async (url, body) => {
    const headers = { cookie: [...cookies].map((pair) => pair.join("=")).join("; ") };
    const response = await fetch(url, { method: body ? "POST" : "GET", body, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split("=");
      cookies.set(name, value);
    }
    return response;
  };
  let url = new URL(authorizationUrl);
  let response = await ask(url);
  for (let step = 0; step < 10; step++) {
    if (response.status === 303) {
      url = new URL(response.headers.get("location"), url);
      if (url.href.startsWith(redirect_uri)) return url;
      response = await ask(url);
    } else if (response.status === 200) {
      const { action, values } = formOf(await response.text());
      const answer = "password" in values ? { username, password } : { decision: "allow" };
      url = new URL(action, url);
      response = await ask(url, new URLSearchParams({ ...values, ...answer }));
    } else {
      throw new Error(`${response.status} at ${url.pathname}: ${await response.text()}`);
    }
  }
  throw new Error("the client was never answered");
}

/** What the test tells a script, as JSON on its standard input: nothing secret stands on a command line. */
export async function told() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  return JSON.parse(text);
}
