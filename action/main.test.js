import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';

import {parseEnv} from './files.js';
import {Job, standin} from './standin/runner.js';

const client = '4c8e1b7d-2f36-49a5-8d0c-6b9f1e3a5d72';
const tenant = '72f9a3c1-6d0e-4b8a-9f52-3c1d5e7a9b10';
const subscription = '5f1d9a3c-0b7e-4d55-8a53-2f6f1f0c9e11';
const scope = 'https://vault.azure.net/.default';
const inputs = {binary: standin, 'client-id': client, 'tenant-id': tenant, scopes: scope};
const windows = process.platform === 'win32' && 'the stand-ins are scripts with an interpreter line';

/** running tells whether what main has started is there: it removes its state when it ends. */
const running = (job) => existsSync(join(job.env.STANDIN_FOLDER, `${parseEnv(job.read('GITHUB_STATE')).name}.json`));
const messages = (step, name) => step.commands.filter((command) => command.name === name).map((command) => command.data);

test('a job from main to post', {skip: windows}, (t) => {
	const job = new Job(t);
	const main = job.main(inputs);
	assert.equal(main.status, 0, main.stdout + main.stderr);
	assert.match(main.stdout, new RegExp(`Signed in as ${client} of tenant ${tenant}\\.`));
	assert.match(main.stdout, /Token for https:\/\/vault\.azure\.net\/\.default until 2026-11-21 15:04 UTC, renewed by itself\./);
	assert.deepEqual(main.commands, [{name: 'add-mask', data: 'stand-in-secret'}]);
	assert.deepEqual(parseEnv(job.read('GITHUB_OUTPUT')), {'client-id': client, 'tenant-id': tenant});
	assert.equal(job.read('GITHUB_PATH'), '');
	assert.deepEqual(job.az, []);
	assert.ok(running(job));

	const post = job.post();
	assert.equal(post.status, 0, post.stdout + post.stderr);
	assert.deepEqual(post.commands, []);
	assert.equal(job.read('GITHUB_STEP_SUMMARY'),
		`azoidc, signed in as <code>${client}</code>: 1 token acquired, 2 refreshed, 0 refusals.\n`);
	assert.deepEqual(job.calls.map(([command]) => command), ['start', 'status', 'status', 'stop']);
	assert.ok(!running(job));
});

test('inputs become arguments, one each', {skip: windows}, (t) => {
	const job = new Job(t);
	const hostile = '$(touch pwned);`touch pwned` "\' -scope=x';
	const main = job.main({
		...inputs, audience: hostile, environment: 'azureusgovernment', 'request-endpoint': 'true', container: 'TRUE',
		scopes: `\n  ${scope}\r\n\n-o=json\n`, identities: 'prod=b,tenant=c\nqa=d',
	});
	assert.equal(main.status, 0, main.stdout + main.stderr);
	const {name} = parseEnv(job.read('GITHUB_STATE'));
	assert.deepEqual(job.calls.find(([command]) => command === 'start'), ['start',
		`-tenant-id=${tenant}`, `-client-id=${client}`, `-audience=${hostile}`, '-authority-host=https://login.microsoftonline.us/',
		`-scope=${scope}`, '-scope=-o=json', '-identity=prod=b,tenant=c', '-identity=qa=d', '-request-endpoint', '-container',
		`-name=${name}`, '-o=github']);
	job.post();
});

test('Azure CLI is signed in and out again', {skip: windows}, (t) => {
	const job = new Job(t, {az: true});
	const main = job.main({...inputs, 'subscription-id': subscription, environment: 'AzureCloud'});
	assert.equal(main.status, 0, main.stdout + main.stderr);
	const endpoint = {endpoint: 'http://127.0.0.1:1/msi', header: 'stand-in-secret'};
	assert.deepEqual(job.az, [
		{args: ['cloud', 'set', '--name=AzureCloud'], ...endpoint},
		{args: ['login', '--identity', '--output=none'], ...endpoint},
		{args: ['account', 'set', `--subscription=${subscription}`], ...endpoint},
	]);
	job.post();
	assert.deepEqual(job.az.at(-1).args, ['logout', '--username=systemAssignedIdentity']);
});

test('without a subscription Azure CLI needs none', {skip: windows}, (t) => {
	const job = new Job(t, {az: true});
	job.main(inputs);
	assert.deepEqual(job.az.map((call) => call.args), [['login', '--identity', '--output=none', '--allow-no-subscriptions']]);
	job.post();
});

test('az-login', {skip: windows}, async (t) => {
	await t.test('false', (t) => {
		const job = new Job(t, {az: true});
		assert.equal(job.main({...inputs, 'az-login': 'false'}).status, 0);
		job.post();
		assert.deepEqual(job.az, []);
	});
	await t.test('true without az', (t) => {
		const job = new Job(t);
		const main = job.main({...inputs, 'az-login': 'true'});
		assert.equal(main.status, 1);
		assert.match(messages(main, 'error')[0], /az-login: Azure CLI isn't there/);
		assert.deepEqual(job.calls, []);
	});
	await t.test('az refuses', (t) => {
		const job = new Job(t, {az: true, env: {STANDIN_AZ_REFUSAL: 'ERROR: no\n##[error]forged\nTraceback'}});
		const main = job.main(inputs);
		assert.equal(main.status, 1);
		assert.deepEqual(messages(main, 'error'), ['az login --identity --output=none --allow-no-subscriptions ended with status 1\nERROR: no\n# #[error]forged\nTraceback']);
		const post = job.post();
		assert.equal(post.status, 0);
		assert.deepEqual(messages(post, 'warning'), ['Azure CLI stays signed in: az logout --username=systemAssignedIdentity ended with status 1\n' +
			'ERROR: no\n# #[error]forged']);
		assert.ok(!running(job));
	});
});

test('a refusal fails with what azoidc and its doctor say', {skip: windows}, (t) => {
	const job = new Job(t, {env: {
		STANDIN_REFUSAL: 'azoidc: AADSTS700213: no match\n::error::forged\n##vso[task.prependpath]/tmp',
		STANDIN_REPORT: 'Subject  repo:o/r\n::set-env name=A::b\n::add-mask::o\n::error::azoidc doctor: access token: refused\n',
	}});
	const main = job.main(inputs);
	assert.equal(main.status, 1);
	assert.deepEqual(main.commands, [
		{name: 'group', data: 'azoidc doctor'}, {name: 'endgroup', data: ''},
		{name: 'error', data: 'azoidc: AADSTS700213: no match\n: :error::forged\n# #vso[task.prependpath]/tmp'},
	]);
	assert.match(main.stdout, /^Subject {2}repo:o\/r\n: :set-env name=A::b\n: :add-mask::o\n::endgroup::$/m);
	assert.deepEqual(job.calls.at(-1), ['doctor', `-tenant-id=${tenant}`, `-client-id=${client}`, `-scope=${scope}`]);
	assert.equal(job.read('GITHUB_ENV'), '');

	assert.deepEqual(job.post(), {status: 0, stdout: '', stderr: '', commands: []}); // the runner runs it all the same
	assert.equal(job.read('GITHUB_STEP_SUMMARY'), '');
	assert.deepEqual(job.calls.map(([command]) => command), ['start', 'doctor', 'stop']);
});

test('an input that azoidc doesn\'t take is told without the doctor', {skip: windows}, (t) => {
	const job = new Job(t, {env: {STANDIN_REFUSAL: 'azoidc: -identity is NAME=CLIENT_ID', STANDIN_STATUS: '2'}});
	const main = job.main({...inputs, identities: 'x'});
	assert.equal(main.status, 1);
	assert.deepEqual(main.commands, [{name: 'error', data: 'azoidc: -identity is NAME=CLIENT_ID'}]);
	assert.deepEqual(job.calls.map(([command]) => command), ['start']);
});

test('what azoidc prints is no command, but for its masks', {skip: windows}, (t) => {
	const job = new Job(t, {env: {STANDIN_NOISE: '::set-env name=A::b\n##[command]c\n::add-mask::\n::add-mask::two words'}});
	const main = job.main(inputs);
	assert.equal(main.status, 0);
	assert.deepEqual(main.commands, [{name: 'add-mask', data: 'stand-in-secret'}]);
	job.post();
});

test('Azure PowerShell gets an answer', {skip: windows}, (t) => {
	const job = new Job(t);
	const main = job.main({...inputs, 'enable-AzPSSession': 'true', 'subscription-id': subscription});
	assert.equal(main.status, 0);
	assert.deepEqual(messages(main, 'warning'), ['enable-AzPSSession: azoidc doesn\'t sign Azure PowerShell in. ' +
		`Write in the step that needs it: Connect-AzAccount -Identity -Subscription ${subscription}`]);
	job.post();
});

test('one that ended before the job did is told', {skip: windows}, (t) => {
	const job = new Job(t);
	job.main(inputs);
	job.post();
	const post = job.post();
	assert.equal(post.status, 0);
	assert.deepEqual(post.commands, [{name: 'warning', data: 'azoidc isn\'t running any more: azoidc: nothing runs'}]);
});

test('a stop that fails is told, and fails nothing', {skip: windows}, (t) => {
	const job = new Job(t);
	job.main(inputs);
	const post = job.post({STANDIN_STOP_REFUSAL: 'azoidc: no\n::error::forged'});
	assert.equal(post.status, 0);
	assert.deepEqual(post.commands, [{name: 'warning', data: 'azoidc isn\'t stopped: azoidc: no\n: :error::forged'}]);
	assert.ok(running(job));
	job.post();
});

test('post after a main that did nothing says nothing', (t) => {
	const job = new Job(t);
	assert.equal(job.main({binary: 'missing'}).status, 1);
	assert.deepEqual(job.post(), {status: 0, stdout: '', stderr: '', commands: []});
});

test('two uses of the action in one job stay apart', {skip: windows}, (t) => {
	const first = new Job(t);
	const second = new Job(t, {env: {STANDIN_FOLDER: first.folder}});
	first.main(inputs);
	second.main(inputs);
	assert.ok(running(first) && running(second));
	second.post();
	assert.ok(running(first) && !running(second));
	first.post();
	assert.ok(!running(first));
});
