import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

import {readInputs} from './inputs.js';

const read = (inputs) => readInputs(Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])));

test('nothing is needed', () => {
	assert.deepEqual(read({}), {
		clientID: '', tenantID: '', subscriptionID: '', audience: '', cloud: undefined, scopes: [], identities: [], requestEndpoint: false,
		container: false, azLogin: undefined, powerShell: false, allowNoSubscriptions: false, binary: '', version: '',
	});
});

test('lists are one value a line', () => {
	assert.deepEqual(read({scopes: ' a \r\n\n b\n'}).scopes, ['a', 'b']);
	assert.deepEqual(read({identities: 'x=1,tenant=2'}).identities, ['x=1,tenant=2']);
});

test('clouds have the names that azure/login knows', () => {
	assert.equal(read({environment: 'azureusgovernment'}).cloud.authorityHost, 'https://login.microsoftonline.us/');
	assert.equal(read({environment: 'AzureChinaCloud'}).cloud.name, 'AzureChinaCloud');
	assert.equal(read({environment: 'azurecloud'}).cloud.name, 'AzureCloud');
	for (const environment of ['azurestack', 'azuregermancloud', 'constructor']) {
		assert.throws(() => read({environment}), /input environment: it is one of AzureCloud, AzureUSGovernment, AzureChinaCloud, not/);
	}
});

test('truth', () => {
	assert.equal(read({'az-login': 'TRUE'}).azLogin, true);
	assert.equal(read({'az-login': 'false'}).azLogin, false);
	for (const name of ['az-login', 'container', 'request-endpoint', 'enable-AzPSSession', 'allow-no-subscriptions']) {
		assert.throws(() => read({[name]: 'yes'}), new RegExp(`input ${name}: it is true or false, not "yes"`));
	}
});

test('a version may have its v', () => {
	assert.equal(read({version: 'v0.1.0'}).version, '0.1.0');
});

test('control characters are refused', () => {
	for (const name of ['client-id', 'tenant-id', 'subscription-id', 'audience', 'binary', 'version', 'environment']) {
		assert.throws(() => read({[name]: 'a\nb'}), new RegExp(`input ${name}: it is one line`));
		assert.throws(() => read({[name]: 'a\u009bb'}), new RegExp(`input ${name}: it is one line`));
	}
	for (const name of ['scopes', 'identities']) {
		assert.throws(() => read({[name]: 'a\nb\u0007'}), new RegExp(`input ${name}: it is one value a line`));
	}
});

test('action.yml declares what is read, and nothing else', () => {
	const declared = readFileSync(new URL('../action.yml', import.meta.url), 'utf8').split(/^outputs:/m)[0].matchAll(/^ {2}([\w-]+):$/gm);
	const asked = new Set();
	readInputs(new Proxy({}, {get: (_, name) => void asked.add(name)}));
	assert.deepEqual([...declared].map(([, name]) => `INPUT_${name.toUpperCase()}`).sort(), [...asked].sort());
});
