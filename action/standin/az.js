#!/usr/bin/env node
// Stands in for Azure CLI in the tests of this folder: it writes down how it was called, and which endpoint it was given.
import {appendFileSync} from 'node:fs';
import {join} from 'node:path';

const args = process.argv.slice(2);
const called = {args, endpoint: process.env.IDENTITY_ENDPOINT, header: process.env.IDENTITY_HEADER};
appendFileSync(join(process.env.STANDIN_FOLDER, 'az'), JSON.stringify(called) + '\n');
if (process.env.STANDIN_AZ_REFUSAL) {
	process.stderr.write(process.env.STANDIN_AZ_REFUSAL + '\n');
	process.exit(1);
}
