# Takes tokens as a shell script does, and presents each to the service: sh take.sh STEP SECONDS
set -eu
end=$(($(date +%s) + $2))
while
	token=$(curl --fail --silent --show-error --noproxy '*' --get --header "X-IDENTITY-HEADER: $IDENTITY_HEADER" --data api-version=2019-08-01 \
		--data-urlencode "resource=$RESOURCE" "$IDENTITY_ENDPOINT" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
	name=$(printf %s "$token" | sha256sum | cut -c 1-12)
	status=$(curl --silent --noproxy '*' --cacert "$CERTIFICATE" --header "Authorization: Bearer $token" --output /dev/null --write-out '%{http_code}' "$SERVICE_URL")
	echo "$1 $name $status" >>"$OBSERVED"
	sleep 0.2
	[ "$(date +%s)" -lt "$end" ]
do :; done
echo "a careless step prints $IDENTITY_HEADER"
