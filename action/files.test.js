import assert from 'node:assert/strict';
import {appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';

import {parseEnv, saveState, watchEnv} from './files.js';

function file(t, variable) {
	const folder = mkdtempSync(join(tmpdir(), 'azoidc-files-'));
	const path = join(folder, variable);
	writeFileSync(path, 'BEFORE=1\n');
	process.env[variable] = path;
	t.after(() => {
		delete process.env[variable];
		rmSync(folder, {recursive: true});
	});
	return path;
}

test('both forms are read', () => {
	assert.deepEqual(parseEnv('A=b=c\nB<<E\none\n\nC=no\nE\r\nD=\n\nnonsense\n'), {A: 'b=c', B: 'one\n\nC=no', D: ''});
	assert.throws(() => parseEnv('A<<E\nb\n'), /the value of A has no end/);
});

test('only what is new is told', (t) => {
	const path = file(t, 'GITHUB_ENV');
	const changes = watchEnv();
	assert.deepEqual(changes(), {});
	appendFileSync(path, 'ÄFTER=2\nX<<Y\nz\nY\n');
	assert.deepEqual(changes(), {'ÄFTER': '2', X: 'z'});
});

test('no value leaves its block', (t) => {
	const path = file(t, 'GITHUB_STATE');
	const value = 'a\nazoidc_\nB<<C\nEOF';
	saveState('one', value);
	saveState('two', 'b');
	assert.deepEqual(parseEnv(readFileSync(path, 'utf8')), {BEFORE: '1', one: value, two: 'b'});
});

test('outside of a job it says so', () => {
	delete process.env.GITHUB_STATE;
	assert.throws(() => saveState('a', 'b'), /GITHUB_STATE isn't set/);
});
