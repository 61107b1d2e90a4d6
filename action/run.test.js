import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';

import {run} from './run.js';

const node = (script, ...args) => run(process.execPath, ['-e', script, ...args]);

test('arguments arrive as they are', async () => {
	const args = ['a b', '$HOME', '"', '\'', '`x`', '*', '%PATH%', '', '&& echo'];
	const {stdout, status} = await node('console.log(JSON.stringify(process.argv.slice(1)))', ...args);
	assert.deepEqual(JSON.parse(stdout), args);
	assert.equal(status, 0);
});

test('how it ended', async () => {
	assert.equal((await node('process.exit(3)')).status, 3);
	assert.equal((await node('console.error("no"); process.exit(1)')).stderr, 'no\n');
	await assert.rejects(run('/nowhere/azoidc', []), /\/nowhere\/azoidc can't be run/);
});

test('output is bounded', async () => {
	const {stdout} = await node('process.stdout.write("x".repeat(3 << 20))');
	assert.equal(stdout.length, 1 << 20);
});

test('a process in the background that holds the streams doesn\'t hold up', async () => {
	const started = Date.now();
	const {stdout} = await node(`
		const child = require("node:child_process").spawn(process.execPath, ["-e", "setTimeout(() => {}, 20000)"], {detached: true, stdio: "inherit"});
		child.unref();
		console.log(child.pid)`);
	assert.ok(Date.now() - started < 10_000);
	process.kill(Number(stdout));
});

test('a signal reaches the program, whose end is waited for', {skip: process.platform === 'win32' && 'no signals'}, async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'azoidc-run-'));
	t.after(() => rmSync(folder, {recursive: true}));
	const ready = join(folder, 'ready');
	writeFileSync(join(folder, 'program.mjs'), `
		import {writeFileSync} from 'node:fs';
		process.on('SIGINT', () => setTimeout(() => process.exit(7), 100));
		writeFileSync(${JSON.stringify(ready)}, '');
		setInterval(() => {}, 1000);`);
	writeFileSync(join(folder, 'step.mjs'), `
		import {run} from ${JSON.stringify(new URL('run.js', import.meta.url).href)};
		console.log(JSON.stringify(await run(process.execPath, [${JSON.stringify(join(folder, 'program.mjs'))}])));`);
	const step = spawn(process.execPath, [join(folder, 'step.mjs')], {stdio: ['ignore', 'pipe', 'inherit']});
	while (!existsSync(ready)) {
		await sleep(10);
	}
	step.kill('SIGINT');
	const printed = (await step.stdout.toArray()).join('');
	assert.deepEqual(JSON.parse(printed), {status: 7, signal: null, cancelled: true, stdout: '', stderr: ''});
});
