#!/usr/bin/env node
// Stands in for azoidc in the tests of this folder: a process with its command line, which really runs something in the
// background and really stops it. STANDIN_FOLDER is where it keeps its state and writes down how it was called.
import {spawn} from 'node:child_process';
import {appendFileSync, existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

const folder = process.env.STANDIN_FOLDER;
const [command, ...args] = process.argv.slice(2);
const flag = (name) => args.find((arg) => arg.startsWith(`-${name}=`))?.slice(name.length + 2);
const stateFile = join(folder, `${flag('name')}.json`);

function says(text, status = 1) {
	process.stderr.write(text + '\n');
	process.exit(status);
}

function serve() {
	process.on('SIGTERM', () => {
		rmSync(stateFile);
		process.exit();
	});
	writeFileSync(stateFile, JSON.stringify({pid: process.pid, clientId: flag('client-id'), tenantId: flag('tenant-id'), scope: flag('scope')}));
	setInterval(() => {}, 1000);
}

async function start() {
	if (process.env.STANDIN_REFUSAL) {
		says(process.env.STANDIN_REFUSAL, Number(process.env.STANDIN_STATUS ?? 1));
	}
	const server = spawn(process.execPath, [fileURLToPath(import.meta.url), 'serve', ...args], {detached: true, stdio: 'ignore'});
	server.unref();
	while (!existsSync(stateFile)) {
		await sleep(10);
	}
	const secret = 'stand-in-secret';
	process.stdout.write(`::add-mask::${secret}\n${process.env.STANDIN_NOISE ?? ''}\n`);
	appendFileSync(process.env.GITHUB_ENV, `IDENTITY_HEADER<<END\n${secret}\nEND\nIDENTITY_ENDPOINT<<END\nhttp://127.0.0.1:1/msi\nEND\n`);
}

function status() {
	if (!existsSync(stateFile)) {
		says('azoidc: nothing runs');
	}
	const {clientId, tenantId, scope} = JSON.parse(readFileSync(stateFile));
	process.stdout.write(JSON.stringify({
		identities: [{clientId, tenantId}], until: '2026-11-21T20:00:00Z',
		tokens: scope ? [{scopes: [scope], expiresOn: '2026-11-21T15:04:05Z'}] : [],
		counts: {acquired: 1, refreshed: 2, refused: 0},
	}));
}

async function stop() {
	if (process.env.STANDIN_STOP_REFUSAL) {
		says(process.env.STANDIN_STOP_REFUSAL);
	}
	if (existsSync(stateFile)) {
		process.kill(JSON.parse(readFileSync(stateFile)).pid);
	}
	while (existsSync(stateFile)) {
		await sleep(10);
	}
}

const doctor = () => process.stdout.write(process.env.STANDIN_REPORT ?? 'all is well\n');

if (command !== 'serve') {
	appendFileSync(join(folder, 'calls'), JSON.stringify([command, ...args]) + '\n');
}
await {serve, start, status, stop, doctor}[command]();
