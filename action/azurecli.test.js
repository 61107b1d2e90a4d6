import assert from 'node:assert/strict';
import {chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {delimiter, join} from 'node:path';
import {test} from 'node:test';

import {findAz} from './azurecli.js';

function folder(t) {
	const path = mkdtempSync(join(tmpdir(), 'azoidc-az-'));
	t.after(() => rmSync(path, {recursive: true}));
	return path;
}

function program(...path) {
	writeFileSync(join(...path), '');
	chmodSync(join(...path), 0o755);
}

test('az is found as a shell finds it', {skip: process.platform === 'win32' && 'no execute permission to lack'}, (t) => {
	const [first, second, third] = [folder(t), folder(t), folder(t)];
	writeFileSync(join(first, 'az'), '');
	chmodSync(join(first, 'az'), 0o644);
	mkdirSync(join(second, 'az'));
	const PATH = [first, second, '', third].join(delimiter);
	assert.equal(findAz({PATH}, 'linux'), undefined);
	program(third, 'az');
	assert.deepEqual(findAz({PATH}, 'linux'), {file: join(third, 'az'), args: []});
});

test('on Windows it is run without its batch file', (t) => {
	const home = folder(t);
	mkdirSync(join(home, 'wbin'));
	const env = {Path: join(home, 'wbin')};
	assert.equal(findAz(env, 'win32'), undefined);
	program(home, 'wbin', 'az.cmd');
	assert.equal(findAz(env, 'win32'), undefined);
	program(home, 'python.exe');
	assert.deepEqual(findAz(env, 'win32'), {file: join(home, 'python.exe'), args: ['-IBm', 'azure.cli']});
});
