import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {accessSync, constants, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {test} from 'node:test';

import {findBinary, platform, readReleases} from './binary.js';

const program = Buffer.from('#!/bin/sh\necho azoidc\n');
const checksum = createHash('sha256').update(program).digest('hex');
const releases = {version: '1.2.3', releases: {'1.2.3': {linux_amd64: checksum, windows_arm64: checksum}, '1.2.0': {linux_amd64: 'other'}}};

/** site serves a release's files on loopback, and counts what is asked for. */
async function site(t, files) {
	const asked = [];
	const server = createServer((request, response) => {
		asked.push(request.url);
		const file = files[request.url];
		if (typeof file === 'function') {
			return file(response);
		}
		response.writeHead(file ? 200 : 404);
		return response.end(file);
	});
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	t.after(() => server.close());
	return {asked, base: `http://127.0.0.1:${server.address().port}`};
}

function workplace(t) {
	const folder = mkdtempSync(join(tmpdir(), 'azoidc-binary-'));
	t.after(() => rmSync(folder, {recursive: true}));
	return {RUNNER_TOOL_CACHE: folder, GITHUB_WORKSPACE: folder};
}

const want = (inputs) => ({binary: '', version: '', ...inputs});
const linux = '/v1.2.3/azoidc_1.2.3_linux_amd64';

test('a release is downloaded once', async (t) => {
	const {asked, base} = await site(t, {[linux]: program});
	const options = {releases, base, on: 'linux_amd64', env: workplace(t)};
	const {path, alone} = await findBinary(want(), options);
	assert.equal(path, join(options.env.RUNNER_TOOL_CACHE, 'azoidc', '1.2.3', 'amd64', 'azoidc'));
	assert.ok(alone);
	assert.deepEqual(readFileSync(path), program);
	accessSync(path, constants.X_OK);
	assert.deepEqual(await findBinary(want({version: '1.2.3'}), options), {path, alone});
	assert.deepEqual(asked, [linux]);
	assert.deepEqual(readdirSync(dirname(path)), ['azoidc']);
});

test('one that was changed in the cache is replaced', async (t) => {
	const {asked, base} = await site(t, {[linux]: program});
	const options = {releases, base, on: 'linux_amd64', env: workplace(t)};
	const {path} = await findBinary(want(), options);
	writeFileSync(path, 'something else');
	await findBinary(want(), options);
	assert.deepEqual(readFileSync(path), program);
	assert.equal(asked.length, 2);
});

test('another file than the checksum\'s is never placed', async (t) => {
	const {base} = await site(t, {[linux]: 'something else'});
	const options = {releases, base, on: 'linux_amd64', env: workplace(t)};
	await assert.rejects(findBinary(want(), options), /azoidc_1\.2\.3_linux_amd64: its SHA-256 is [0-9a-f]{64}, but this action was made for/);
	assert.ok(!existsSync(join(options.env.RUNNER_TOOL_CACHE, 'azoidc')));
});

test('Windows\' has its extension', async (t) => {
	const {base} = await site(t, {'/v1.2.3/azoidc_1.2.3_windows_arm64.exe': program});
	const {path} = await findBinary(want(), {releases, base, on: 'windows_arm64', env: workplace(t)});
	assert.match(path, /azoidc\.exe$/);
});

test('a server that is down is asked again, redirects are followed', async (t) => {
	let failures = 0;
	const {asked, base} = await site(t, {
		[linux]: (response) => {
			response.writeHead(failures++ === 0 ? 503 : 302, {Location: '/elsewhere'});
			response.end();
		},
		'/elsewhere': program,
	});
	await findBinary(want(), {releases, base, on: 'linux_amd64', env: workplace(t)});
	assert.deepEqual(asked, [linux, linux, '/elsewhere']);
});

test('what can\'t be had', async (t) => {
	const {asked, base} = await site(t, {'/v1.2.0/azoidc_1.2.0_linux_amd64': (response) => {
		response.writeHead(302, {Location: 'http://example.invalid/'});
		response.end();
	}});
	const options = {releases, base, on: 'linux_amd64', env: workplace(t)};
	await assert.rejects(findBinary(want(), options), /HTTP 404/);
	await assert.rejects(findBinary(want({version: '1.2.0'}), options), /http:\/\/example\.invalid isn't https/);
	assert.equal(asked.length, 2); // neither is tried again
	await assert.rejects(findBinary(want({version: '9.9.9'}), options), /no checksum of azoidc 9\.9\.9 for linux_amd64, only of 1\.2\.3, 1\.2\.0/);
	await assert.rejects(findBinary(want({version: '__proto__'}), options), /no checksum/);
	await assert.rejects(findBinary(want(), {...options, releases: {version: null, releases: {}}}), /belongs to no release/);
	await assert.rejects(findBinary(want({binary: 'missing'}), options), /input binary: there is no file .*missing/);
	await assert.rejects(findBinary(want({binary: '.'}), options), /there is no file/);
});

test('input binary is found from the workspace', async (t) => {
	const env = workplace(t);
	writeFileSync(join(env.GITHUB_WORKSPACE, 'azoidc'), program);
	assert.deepEqual(await findBinary(want({binary: './azoidc'}), {releases, env}), {path: join(env.GITHUB_WORKSPACE, 'azoidc'), alone: false});
});

test('platforms', () => {
	assert.equal(platform('win32', 'x64'), 'windows_amd64');
	assert.equal(platform('darwin', 'arm64'), 'darwin_arm64');
	assert.throws(() => platform('linux', 'riscv64'), /there is no azoidc for linux on riscv64/);
	assert.throws(() => platform('freebsd', 'x64'), /input binary/);
});

test('each release has a checksum for each platform', () => {
	const {version, releases: known} = readReleases();
	assert.ok(version === null ? Object.keys(known).length === 0 : Object.hasOwn(known, version));
	for (const checksums of Object.values(known)) {
		assert.deepEqual(Object.keys(checksums).sort(),
			['darwin_amd64', 'darwin_arm64', 'linux_amd64', 'linux_arm64', 'windows_amd64', 'windows_arm64']);
		Object.values(checksums).forEach((sum) => assert.match(sum, /^[0-9a-f]{64}$/));
	}
});
