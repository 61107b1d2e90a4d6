// Takes tokens as an SDK does that knows managed identity endpoints, and presents each to the service: as an action of its
// own, or by node take.js STEP SECONDS [CLIENT_ID].
'use strict';
const {createHash} = require('node:crypto');
const {appendFileSync} = require('node:fs');
const {get} = require('node:https');

const [step = 'uses', seconds = process.env.INPUT_SECONDS, client = ''] = process.argv.slice(2);

async function take() {
	const query = new URLSearchParams({'api-version': '2019-08-01', resource: process.env.RESOURCE});
	if (client) {
		query.set('client_id', client);
	}
	const answer = await fetch(`${process.env.IDENTITY_ENDPOINT}?${query}`, {headers: {'X-IDENTITY-HEADER': process.env.IDENTITY_HEADER}});
	if (!answer.ok) {
		throw new Error(`the endpoint answers ${answer.status} ${await answer.text()}`);
	}
	return (await answer.json()).access_token;
}

function present(token) {
	return new Promise((resolve, reject) => {
		get(process.env.SERVICE_URL, {headers: {Authorization: `Bearer ${token}`}}, (answer) => {
			answer.resume();
			answer.on('end', () => resolve(answer.statusCode));
		}).on('error', reject);
	});
}

async function main() {
	const end = Date.now() + Number(seconds) * 1000;
	do {
		const token = await take();
		const name = createHash('sha256').update(token).digest('hex').slice(0, 12);
		appendFileSync(process.env.OBSERVED, `${step} ${name} ${await present(token)}\n`);
		await new Promise((resolve) => setTimeout(resolve, 200));
	} while (Date.now() < end);
	console.log(`a careless step prints ${process.env.IDENTITY_HEADER}`);
}

main().catch((error) => {
	console.error(error);
	process.exitCode = 1;
});
