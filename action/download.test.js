import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {test} from 'node:test';

import {download, proxyFor} from './download.js';

test('which proxy', () => {
	const from = (env, host = 'github.com') => proxyFor(new URL(`https://${host}/a`), env)?.href;
	const proxy = 'http://proxy:3128';
	assert.equal(from({}), undefined);
	assert.equal(from({HTTPS_PROXY: proxy}), 'http://proxy:3128/');
	assert.equal(from({https_proxy: 'proxy:3128', HTTPS_PROXY: 'http://other'}), 'http://proxy:3128/');
	assert.equal(from({HTTPS_PROXY: proxy, NO_PROXY: 'example.com, .github.com'}), undefined);
	assert.equal(from({HTTPS_PROXY: proxy, NO_PROXY: '*.github.com'}, 'objects.github.com'), undefined);
	assert.equal(from({HTTPS_PROXY: proxy, no_proxy: 'github.com'}, 'notgithub.com'), 'http://proxy:3128/');
	assert.equal(from({HTTPS_PROXY: proxy, no_proxy: '*'}), undefined);
	assert.equal(from({HTTPS_PROXY: proxy}, '127.0.0.1'), undefined);
});

test('an https address goes through the proxy, with its user', async (t) => {
	const asked = [];
	const proxy = createServer();
	proxy.on('connect', (request, socket) => {
		asked.push([request.url, request.headers['proxy-authorization']]);
		socket.end('HTTP/1.1 403 \u001b[31mno\r\n\r\n');
	});
	await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
	t.after(() => proxy.close());
	const env = {HTTPS_PROXY: `http://us%65r:p%40ss@127.0.0.1:${proxy.address().port}`};
	await assert.rejects(download('https://example.invalid/x', {env, pause: 1}), {message: 'https://example.invalid/x: the proxy answers 403 to CONNECT'});
	assert.deepEqual(asked, Array(3).fill(['example.invalid:443', `Basic ${Buffer.from('user:p@ss').toString('base64')}`]));
});

test('other proxies are refused', async () => {
	await assert.rejects(download('https://example.invalid/x', {env: {HTTPS_PROXY: 'socks5://127.0.0.1:1'}, pause: 1}), /a proxy of the kind socks5: isn't supported/);
});
