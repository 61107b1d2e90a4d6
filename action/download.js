// One file by https, through the machine's proxy where one is set. Node's own fetch knows no proxy in all versions that
// runners have.
import {connect} from 'node:net';
import {get as getPlain} from 'node:http';
import {get as getSecure} from 'node:https';
import {connect as connectSecure} from 'node:tls';

const redirects = 5;
const attempts = 3;
const silence = 30_000; // ms without a byte
const sizeLimit = 200 << 20; // bytes

/** download returns the bytes at an https address; plain http is for loopback only. It tries again when a server is down. */
export async function download(address, {env = process.env, pause = 2000} = {}) {
	for (let attempt = 1; ; attempt++) {
		try {
			return await follow(new URL(address), env);
		} catch (error) {
			if (attempt === attempts || error.final) {
				throw new Error(`${address}: ${error.message}`);
			}
			await new Promise((resolve) => setTimeout(resolve, pause * attempt));
		}
	}
}

async function follow(url, env) {
	for (let hop = 0; hop <= redirects; hop++) {
		const answer = await request(url, env);
		if (!answer.location) {
			return answer.body;
		}
		url = new URL(answer.location, url);
	}
	throw final(`more than ${redirects} redirects`);
}

function final(message) {
	return Object.assign(new Error(message), {final: true});
}

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]']);

async function request(url, env) {
	if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback.has(url.hostname))) {
		throw final(`${url.protocol}//${url.host} isn't https`);
	}
	const proxy = url.protocol === 'https:' ? proxyFor(url, env) : undefined;
	const get = url.protocol === 'https:' ? getSecure : getPlain;
	const options = {headers: {'User-Agent': 'azoidc-action'}, timeout: silence};
	if (proxy) {
		const tunnelled = await tunnel(url, proxy);
		// Counts only without an agent, which false would make.
		options.createConnection = () => connectSecure({socket: tunnelled, servername: url.hostname});
	}
	return new Promise((resolve, reject) => {
		const asked = get(url, options, (answer) => read(answer).then(resolve, reject));
		asked.on('timeout', () => asked.destroy(new Error(`nothing arrived for ${silence / 1000} s`)));
		asked.on('error', reject);
	});
}

async function read(answer) {
	const {statusCode, headers} = answer;
	if ([301, 302, 303, 307, 308].includes(statusCode) && headers.location) {
		answer.destroy();
		return {location: headers.location};
	}
	if (statusCode !== 200) {
		answer.destroy();
		throw statusCode === 429 || statusCode >= 500 ? new Error(`HTTP ${statusCode}`) : final(`HTTP ${statusCode}`);
	}
	const chunks = [];
	let size = 0;
	for await (const chunk of answer) {
		size += chunk.length;
		if (size > sizeLimit) {
			throw final(`more than ${sizeLimit >> 20} MiB`);
		}
		chunks.push(chunk);
	}
	return {body: Buffer.concat(chunks)};
}

/** proxyFor is the proxy that the variables tell for an https address, undefined for none. */
export function proxyFor(url, env) {
	const address = env.https_proxy || env.HTTPS_PROXY;
	if (!address || loopback.has(url.hostname)) {
		return undefined;
	}
	const direct = (env.no_proxy || env.NO_PROXY || '').split(',').map((entry) => entry.trim().toLowerCase().replace(/^\*?\./, ''));
	const covers = (entry) => entry === '*' || (entry !== '' && `.${url.hostname}`.endsWith(`.${entry}`));
	if (direct.some(covers)) {
		return undefined;
	}
	return new URL(address.includes('://') ? address : `http://${address}`);
}

/** tunnel resolves to a socket that a plain http proxy has connected to the address' host. */
function tunnel(url, proxy) {
	if (proxy.protocol !== 'http:') {
		throw final(`a proxy of the kind ${proxy.protocol} isn't supported; use input binary`);
	}
	const target = `${url.hostname}:${url.port || 443}`;
	const user = proxy.username && Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64');
	return new Promise((resolve, reject) => {
		const socket = connect({host: proxy.hostname.replace(/^\[|\]$/g, ''), port: Number(proxy.port || 80)});
		let head = '';
		const fail = (error) => {
			socket.destroy();
			reject(error);
		};
		const onData = (chunk) => {
			head += chunk.toString('latin1');
			const end = head.indexOf('\r\n\r\n');
			if (end < 0) {
				return head.length > 65536 ? fail(new Error('the proxy\'s answer is too long')) : undefined;
			}
			socket.off('data', onData);
			const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
			if (status !== '200') {
				return fail(new Error(`the proxy answers ${status ?? 'something else than HTTP'} to CONNECT`));
			}
			socket.setTimeout(0);
			socket.off('error', fail);
			return resolve(socket);
		};
		socket.setTimeout(silence, () => fail(new Error(`the proxy says nothing for ${silence / 1000} s`)));
		socket.on('error', fail);
		socket.on('data', onData);
		socket.on('connect', () => socket.write(
			`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${user ? `Proxy-Authorization: Basic ${user}\r\n` : ''}\r\n`));
	});
}
