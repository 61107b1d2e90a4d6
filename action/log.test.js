import assert from 'node:assert/strict';
import {test} from 'node:test';

import {escapeData, plain} from './log.js';
import {commands} from './standin/runner.js';

const hostile = [
	'::error::x', '  ::set-output name=a::b', '\u00a0::error::x', '\u2003::add-mask::a', '\u0001::error::x', '\ufeff::error::x',
	'a\r::error::x', 'a\r\n::error::x', 'a\n\n::stop-commands::x', 'a\u2028::error::x', 'a\u0085::error::x', '\t::error::x',
	'##[error]x', 'text ##[set-env name=A]b', '###[error]x', '##[ERROR]x', '#\u0000#[error]x',
	'##vso[task.prependpath]/tmp', 'a ##VSO[task.complete]b', '####vso[a]b', '##v\u200bso[a]b', '#\r#vso[a]b', '::::a::b', ':\u0000:a::b',
];

test('nothing that is printed is a command', () => {
	for (const text of hostile) {
		assert.deepEqual(commands(plain(text)), [], JSON.stringify(text));
	}
});

test('the rules find what they look for', () => {
	assert.equal(hostile.filter((text) => commands(text).length > 0).length, 17);
});

test('neither is what two such texts make', () => {
	for (const first of hostile) {
		for (const second of hostile) {
			assert.deepEqual(commands(plain(first + second)), [], JSON.stringify([first, second]));
			assert.deepEqual(commands(plain(plain(first))), []);
		}
	}
});

test('plain text stays as it is, line ends included', () => {
	for (const text of ['', 'AADSTS700213: no match\n  a::b', 'c:\\x #1 [a] ## [b]', 'ünïcode ✓']) {
		assert.equal(plain(text), text);
	}
	assert.equal(plain('a\r\nb\tc'), 'a\nb c');
});

test('no character steers a terminal', () => {
	assert.equal(plain('\u001b[31m\u009b\u202ex\u0007\u007f'), '\ufffd[31m\ufffd\ufffdx\ufffd\ufffd');
});

test('what the runner undoes in data', () => {
	assert.equal(escapeData('50%\r\n%0A'), '50%25%0D%0A%250A');
	assert.deepEqual(commands(`::error::${escapeData('a\n::error::b%')}`), [{name: 'error', data: 'a\n::error::b%'}]);
});
