// Azure CLI, which signs in to azoidc's endpoint as to a managed identity: by IDENTITY_ENDPOINT today, by MSI_ENDPOINT in
// the older versions that Linux distributions have. Both take the same arguments.
import {accessSync, constants, statSync} from 'node:fs';
import {delimiter, dirname, join} from 'node:path';

import {ending, run} from './run.js';

/** findAz returns how to run az, with nothing between that is a shell; undefined where it isn't installed. */
export function findAz(env = process.env, system = process.platform) {
	const folders = (env.PATH ?? env.Path ?? '').split(delimiter).filter(Boolean);
	for (const folder of folders) {
		if (system !== 'win32') {
			if (isExecutable(join(folder, 'az'))) {
				return {file: join(folder, 'az'), args: []};
			}
		} else if (isExecutable(join(folder, 'az.cmd'))) {
			// What az.cmd itself runs. Batch files take a shell, and so a shell's quoting.
			const python = join(dirname(folder), 'python.exe');
			return isExecutable(python) ? {file: python, args: ['-IBm', 'azure.cli']} : undefined;
		}
	}
	return undefined;
}

function isExecutable(path) {
	try {
		accessSync(path, constants.X_OK);
		return statSync(path).isFile();
	} catch {
		return false; // it isn't there, or not for us: so the next folder counts
	}
}

/** signIn signs az in, to the cloud and the subscription that the inputs name. env are the endpoint's variables. */
export async function signIn(az, inputs, env) {
	if (inputs.cloud) {
		await call(az, ['cloud', 'set', `--name=${inputs.cloud.name}`], env);
	}
	// Without a subscription az would say that "no access was configured for the VM".
	const without = inputs.allowNoSubscriptions || inputs.subscriptionID === '' ? ['--allow-no-subscriptions'] : [];
	await call(az, ['login', '--identity', '--output=none', ...without], env);
	if (inputs.subscriptionID !== '') {
		await call(az, ['account', 'set', `--subscription=${inputs.subscriptionID}`], env);
	}
}

/** signOut forgets what signIn left in az' profile, and only that. */
export function signOut(az) {
	return call(az, ['logout', '--username=systemAssignedIdentity'], {});
}

async function call(az, args, env) {
	const outcome = await run(az.file, [...az.args, ...args], {env: {...process.env, ...env}});
	if (outcome.status !== 0) {
		const words = (outcome.stderr.trim() || outcome.stdout.trim());
		throw new Error(`az ${args.join(' ')} ${ending(outcome)}\n${words}`.trim());
	}
	return outcome.stdout;
}
