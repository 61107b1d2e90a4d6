import assert from 'node:assert/strict';
import {test} from 'node:test';

import {signedIn, summary} from './status.js';

test('who is signed in until when', () => {
	assert.equal(signedIn({
		identities: [{tenantId: 't', clientId: 'c'}, {name: 'qa', tenantId: 't', clientId: 'd'}],
		tokens: [{scopes: ['a', 'b'], expiresOn: '2026-01-02T03:04:59.5Z'}], until: '2026-01-02T09:00:00+02:00',
	}), 'Signed in as c of tenant t.\nSigned in as d of tenant t (qa).\nToken for a b until 2026-01-02 03:04 UTC, renewed by itself.\n' +
		'azoidc runs until the job ends, at the latest until 2026-01-02 07:00 UTC.');
});

test('the summary counts', () => {
	assert.equal(summary({counts: {acquired: 2, refreshed: 1, refused: 1}}), 'azoidc: 2 tokens acquired, 1 refreshed, 1 refusal.');
	assert.equal(summary({}), 'azoidc: 0 tokens acquired, 0 refreshed, 0 refusals.');
});

test('the summary holds no mark-up of others', () => {
	assert.equal(summary({identities: [{clientId: '<img src=x>`[a](b)\n# c'}]}),
		'azoidc, signed in as <code>&#60;img src&#61;x&#62;&#96;&#91;a&#93;&#40;b&#41;&#10;&#35; c</code>: 0 tokens acquired, 0 refreshed, 0 refusals.');
});
