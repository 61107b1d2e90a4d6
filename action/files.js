// The files by which a step hands values to the runner.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#environment-files
import {randomUUID} from 'node:crypto';
import {appendFileSync, existsSync, readFileSync} from 'node:fs';

function path(variable) {
	const file = process.env[variable];
	if (!file) {
		throw new Error(`${variable} isn't set: this has to run as a step of GitHub Actions`);
	}
	return file;
}

/** block is a value in a form that no value can leave. */
function block(name, value) {
	const delimiter = `azoidc_${randomUUID()}`;
	return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}

export function saveState(name, value) {
	appendFileSync(path('GITHUB_STATE'), block(name, value));
}

/** state is what main has saved, in post. */
export function state(name) {
	return process.env[`STATE_${name}`] ?? '';
}

export function setOutput(name, value) {
	appendFileSync(path('GITHUB_OUTPUT'), block(name, value));
}

export function addPath(folder) {
	appendFileSync(path('GITHUB_PATH'), folder + '\n');
}

export function addSummary(markdown) {
	appendFileSync(path('GITHUB_STEP_SUMMARY'), markdown + '\n');
}

/** watchEnv returns a function that tells which variables others have set for later steps since. */
export function watchEnv() {
	const file = path('GITHUB_ENV');
	const before = existsSync(file) ? readFileSync(file).length : 0;
	return () => parseEnv(readFileSync(file).subarray(before).toString('utf8'));
}

/** parseEnv reads the forms NAME=VALUE and NAME<<DELIMITER. */
export function parseEnv(text) {
	const variables = {};
	const lines = text.split(/\r?\n/);
	for (let i = 0; i < lines.length; i++) {
		const start = /^([^=<\s]+)(<<|=)(.*)$/.exec(lines[i]);
		if (!start) {
			continue;
		}
		const [, name, form, rest] = start;
		if (form === '=') {
			variables[name] = rest;
			continue;
		}
		const end = lines.indexOf(rest, i + 1);
		if (end < 0) {
			throw new Error(`GITHUB_ENV: the value of ${name} has no end`);
		}
		variables[name] = lines.slice(i + 1, end).join('\n');
		i = end;
	}
	return variables;
}
