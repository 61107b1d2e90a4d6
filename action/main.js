// The action's step: starts azoidc, hands its variables to the steps that follow, signs Azure CLI in.
import {randomUUID} from 'node:crypto';
import {dirname} from 'node:path';

import {doctorArguments, startArguments} from './arguments.js';
import {findAz, signIn} from './azurecli.js';
import {findBinary} from './binary.js';
import {addPath, saveState, setOutput, watchEnv} from './files.js';
import {readInputs} from './inputs.js';
import {error, group, info, relay, warning, withoutAnnotations, withoutMasks} from './log.js';
import {ending, run} from './run.js';
import {readStatus, signedIn} from './status.js';

const wrongUsage = 2; // azoidc's exit status: an input isn't what it takes

async function main() {
	const inputs = readInputs();
	const az = findAz();
	if (inputs.azLogin && !az) {
		throw new Error('input az-login: Azure CLI isn\'t there, or not as its installer leaves it');
	}
	const binary = await findBinary(inputs);
	const name = `action-${randomUUID()}`;
	// Before the start, so that post finds what a cancelled one leaves.
	saveState('binary', binary.path);
	saveState('name', name);

	const changes = watchEnv();
	await start(binary.path, inputs, name);
	saveState('started', 'true');
	if (binary.alone) {
		addPath(dirname(binary.path));
	}
	const status = await readStatus(binary.path, name);
	setOutput('client-id', status.identities?.[0]?.clientId ?? inputs.clientID);
	setOutput('tenant-id', status.identities?.[0]?.tenantId ?? inputs.tenantID);

	if (az && inputs.azLogin !== false) {
		saveState('az', JSON.stringify(az)); // so that post runs no other, whatever becomes of PATH
		await signIn(az, inputs, changes());
		info('Azure CLI is signed in.');
	}
	if (inputs.powerShell) {
		warning('enable-AzPSSession: azoidc doesn\'t sign Azure PowerShell in. Write in the step that needs it: Connect-AzAccount -Identity' +
			(inputs.subscriptionID === '' ? '' : ` -Subscription ${inputs.subscriptionID}`));
	}
	info(signedIn(status));
}

async function start(binary, inputs, name) {
	const outcome = await run(binary, startArguments(inputs, name));
	relay(outcome.stdout);
	if (outcome.status === 0) {
		relay(outcome.stderr);
		return;
	}
	if (outcome.cancelled) {
		throw new Error(`azoidc start was cancelled, and ${ending(outcome)}`);
	}
	if (outcome.status !== wrongUsage) {
		const report = await run(binary, doctorArguments(inputs));
		group('azoidc doctor', withoutAnnotations(`${report.stdout}\n${report.stderr}`));
	}
	throw new Error(withoutMasks(outcome.stderr) || `azoidc start ${ending(outcome)}`);
}

try {
	await main();
} catch (failure) {
	error(failure.message);
	process.exitCode = 1;
}
