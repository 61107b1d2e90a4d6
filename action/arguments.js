// azoidc's command lines. Each value stands in one argument with its flag, so that none can be taken for a flag.

function common(inputs) {
	return [
		...flag('tenant-id', inputs.tenantID),
		...flag('client-id', inputs.clientID),
		...flag('audience', inputs.audience),
		...flag('authority-host', inputs.cloud?.authorityHost ?? ''),
	];
}

function flag(name, value) {
	return value === '' ? [] : [`-${name}=${value}`];
}

const scopes = (inputs) => inputs.scopes.flatMap((scope) => flag('scope', scope));

export function startArguments(inputs, name) {
	return [
		'start', ...common(inputs), ...scopes(inputs),
		...inputs.identities.flatMap((identity) => flag('identity', identity)),
		...(inputs.requestEndpoint ? ['-request-endpoint'] : []),
		...(inputs.container ? ['-container'] : []),
		`-name=${name}`, '-o=github',
	];
}

export const doctorArguments = (inputs) => ['doctor', ...common(inputs), ...scopes(inputs)];

export const statusArguments = (name) => ['status', `-name=${name}`, '-o=json'];

export const stopArguments = (name) => ['stop', `-name=${name}`];
