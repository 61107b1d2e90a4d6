// What GitHub's runner does around an action's step: the environment it gives, the files it reads afterwards, and the
// rules by which it takes a line of output for a command.
// https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
import {spawnSync} from 'node:child_process';
import {copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {parseEnv} from '../files.js';

const here = dirname(fileURLToPath(import.meta.url));
export const standin = join(here, 'azoidc.js');

/** Job is a job's folder and what its steps have left. */
export class Job {
	constructor(t, {az = false, env = {}} = {}) {
		this.folder = mkdtempSync(join(tmpdir(), 'azoidc-action-'));
		t.after(() => rmSync(this.folder, {recursive: true, force: true}));
		const bin = join(this.folder, 'bin');
		mkdirSync(bin);
		symlinkSync(process.execPath, join(bin, 'node'));
		if (az) {
			copyFileSync(join(here, 'az.js'), join(bin, 'az'));
			copyFileSync(join(here, '..', 'package.json'), join(this.folder, 'package.json')); // az is a module, too
		}
		this.env = {PATH: bin, STANDIN_FOLDER: this.folder, RUNNER_TEMP: this.folder, GITHUB_WORKSPACE: this.folder, ...env};
		for (const name of ['GITHUB_ENV', 'GITHUB_STATE', 'GITHUB_OUTPUT', 'GITHUB_PATH', 'GITHUB_STEP_SUMMARY']) {
			this.env[name] = join(this.folder, name);
			writeFileSync(this.env[name], '');
		}
	}

	/** main runs the action's step with its inputs, and keeps its state. */
	main(inputs = {}) {
		const env = {};
		for (const [name, value] of Object.entries(inputs)) {
			env[`INPUT_${name.toUpperCase()}`] = value;
		}
		return this.step('main.js', env);
	}

	post(env = {}) {
		for (const [name, value] of Object.entries(parseEnv(this.read('GITHUB_STATE')))) {
			env[`STATE_${name}`] = value;
		}
		return this.step('post.js', env);
	}

	step(script, env) {
		const {status, stdout, stderr} = spawnSync(process.execPath, [join(here, '..', script)],
			{env: {...this.env, ...env}, encoding: 'utf8'});
		return {status, stdout, stderr, commands: commands(stdout + stderr)};
	}

	read(file) {
		const path = join(this.folder, file);
		return existsSync(path) ? readFileSync(path, 'utf8') : '';
	}

	/** calls are those of azoidc, az those of Azure CLI. */
	get calls() { return lines(this.read('calls')).map((line) => JSON.parse(line)); }
	get az() { return lines(this.read('az')).map((line) => JSON.parse(line)); }
}

const lines = (text) => text.split('\n').filter(Boolean);

const unescape = (data) => data.replace(/%0D/g, '\r').replace(/%0A/g, '\n').replace(/%25/g, '%');

/** commands are those that GitHub's runner or Azure Pipelines' agent would execute. */
export function commands(output) {
	return output.split(/\r\n|\r|\n/).flatMap((line) => second(line.trim()) ?? bracketed(line, '##[') ?? bracketed(line, '##vso[') ?? []);
}

/** second is GitHub's second form, ::name properties::data. */
function second(line) {
	const end = line.startsWith('::') ? line.indexOf('::', 2) : -1;
	return end < 0 ? undefined : {name: line.slice(2, end).split(' ')[0], data: unescape(line.slice(end + 2))};
}

/** bracketed is GitHub's first form, and Azure Pipelines': both are looked for anywhere in a line. */
function bracketed(line, prefix) {
	const start = line.toLowerCase().indexOf(prefix);
	const end = start < 0 ? -1 : line.indexOf(']', start);
	return end < 0 ? undefined : {name: line.slice(start + prefix.length, end).split(' ')[0], data: line.slice(end + 1)};
}
