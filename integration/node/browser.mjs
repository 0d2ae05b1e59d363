// A browser without a screen: cookies by host, redirects by hand, forms filled
// in. It stops in front of a URL that starts with `until`.

export class Browser {
  #jar = new Map();

  async open(url, { until, method = 'GET', body, origin } = {}) {
    let target = new URL(url);
    for (let hops = 0; hops < 20; hops++) {
      if (until && target.href.startsWith(until)) return { stopped: target };
      const headers = { cookie: this.#cookies(target) };
      if (origin) headers.origin = origin;
      if (body) headers['content-type'] = 'application/x-www-form-urlencoded';
      const response = await fetch(target, { method, body, headers, redirect: 'manual' });
      for (const line of response.headers.getSetCookie()) this.#keep(target, line);
      const location = response.headers.get('location');
      if (!location) return { status: response.status, url: target, text: await response.text() };
      await response.arrayBuffer();
      target = new URL(location, target);
      if (response.status !== 307 && response.status !== 308) [method, body] = ['GET', undefined];
    }
    throw new Error(`too many redirects at ${target.href}`);
  }

  // Fills in the first form of a page whose action contains `action`, and sends it.
  async submit(page, values, { until, action = '' } = {}) {
    const form = forms(page).find((f) => f.action.href.includes(action));
    if (!form) throw new Error(`no form to "${action}" at ${page.url.href}: ${page.text.slice(0, 400)}`);
    const fields = new URLSearchParams({ ...form.fields, ...values });
    return this.open(form.action, { until, method: 'POST', body: fields.toString(), origin: page.url.origin });
  }

  #cookies(url) {
    return [...(this.#jar.get(url.hostname) ?? new Map())].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #keep(url, line) {
    const [pair, ...attributes] = line.split(';');
    const at = pair.indexOf('=');
    const jar = this.#jar.get(url.hostname) ?? new Map();
    if (attributes.some((a) => /^\s*max-age=(0|-\d+)\s*$/i.test(a))) jar.delete(pair.slice(0, at).trim());
    else jar.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
    this.#jar.set(url.hostname, jar);
  }
}

// Every form of a page, with the fields that it would send untouched.
export function forms(page) {
  return [...page.text.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, attributes, inner]) => {
    const fields = {};
    for (const [, field] of inner.matchAll(/<input\b([^>]*)>/gi)) {
      const name = attribute(field, 'name');
      if (name) fields[name] = attribute(field, 'value') ?? '';
    }
    return { action: new URL(attribute(attributes, 'action') || page.url.href, page.url), fields };
  });
}

function attribute(text, name) {
  const found = text.match(new RegExp(`\\b${name}="([^"]*)"`, 'i'));
  return found && found[1].replaceAll('&#43;', '+').replaceAll('&#34;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
