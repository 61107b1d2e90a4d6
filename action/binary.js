// Which azoidc runs: the one that input binary names, or a release whose checksum is in this folder.
import {createHash, randomUUID} from 'node:crypto';
import {chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';

import {download} from './download.js';

const releasesURL = 'https://github.com/azoidc/azoidc/releases/download';

const systems = {linux: 'linux', darwin: 'darwin', win32: 'windows'};
const processors = {x64: 'amd64', arm64: 'arm64'};

/** readReleases returns what release.json tells: this action's version, and each release's checksums by platform. */
export function readReleases() {
	return JSON.parse(readFileSync(new URL('release.json', import.meta.url), 'utf8'));
}

/** platform is Go's name for what this runs on. */
export function platform(system = process.platform, processor = process.arch) {
	if (!systems[system] || !processors[processor]) {
		throw new Error(`there is no azoidc for ${system} on ${processor}: build one, and name it with input binary`);
	}
	return `${systems[system]}_${processors[processor]}`;
}

/** findBinary returns an azoidc's path, and whether its folder is for this program alone. */
export async function findBinary(inputs, {releases = readReleases(), base = releasesURL, on = platform(), env = process.env} = {}) {
	if (inputs.binary !== '') {
		return {path: given(inputs.binary, env), alone: false};
	}
	const {version, checksum} = choose(inputs.version, releases, on);
	const name = on.startsWith('windows') ? 'azoidc.exe' : 'azoidc';
	const path = join(cacheFolder(env), 'azoidc', version, on.split('_')[1], name);
	if (!isIntact(path, checksum)) {
		const asset = `azoidc_${version}_${on}${on.startsWith('windows') ? '.exe' : ''}`;
		const bytes = await download(`${base}/v${version}/${asset}`, {env});
		check(bytes, checksum, asset);
		place(bytes, path);
	}
	return {path, alone: true};
}

function given(path, env) {
	const found = resolve(env.GITHUB_WORKSPACE ?? '.', path);
	if (!existsSync(found) || !statSync(found).isFile()) {
		throw new Error(`input binary: there is no file ${found}`);
	}
	return found;
}

function choose(wanted, {version: own, releases}, on) {
	const version = wanted || own;
	if (!version) {
		throw new Error('this commit of the action belongs to no release: use a released version of the action, or input binary');
	}
	const checksum = Object.hasOwn(releases, version) && releases[version][on];
	if (!checksum) {
		throw new Error(`input version: this action has no checksum of azoidc ${version} for ${on}, only of ` +
			`${Object.keys(releases).join(', ') || 'no release'}; use the action of that version, or input binary`);
	}
	return {version, checksum};
}

function cacheFolder(env) {
	const folder = env.RUNNER_TOOL_CACHE || env.RUNNER_TEMP;
	if (!folder) {
		throw new Error('neither RUNNER_TOOL_CACHE nor RUNNER_TEMP is set: this has to run as a step of GitHub Actions');
	}
	return folder;
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** isIntact is asked each time: on a self-hosted runner earlier jobs could write to the cache. */
function isIntact(path, checksum) {
	return existsSync(path) && sha256(readFileSync(path)) === checksum;
}

function check(bytes, checksum, asset) {
	const got = sha256(bytes);
	if (got !== checksum) {
		throw new Error(`${asset}: its SHA-256 is ${got}, but this action was made for ${checksum}: it isn't used`);
	}
}

/** place never leaves a part of a file behind under the file's name, whoever else does the same. */
function place(bytes, path) {
	mkdirSync(dirname(path), {recursive: true});
	const part = `${path}.${randomUUID()}`;
	writeFileSync(part, bytes, {flag: 'wx'});
	chmodSync(part, 0o755);
	renameSync(part, path);
}
