package azoidctest

import (
	"crypto/rsa"
	"math/big"
)

// usualBits is the size of the keys with which GitHub, Azure DevOps and Entra sign.
const usualBits = 2048

// usualPrimes are those of the keys of the usual size, by owner, in hexadecimal. They are nobody's secret, like the key of
// net/http/httptest: no test program waits for a tenth of a second or more for each of its keys.
var usualPrimes = map[string][2]string{
	"GitHub": {
		"c6ad082d5b6391cb4fb71832b19715323fa864fde9df7f0af3d6713479f2f975b328b246e7727147dba2472a8cb94bce806827b19948ed967f873d06f4843d9e" +
			"a7f52339d6491fe7c706a5a633ca8e70b64c88249e429c858ce12e4fc1f594223706a3983d0548bb6fe629e945657526ebdcb138f4d2332350a29dba51451e65",
		"ec3f5ea81359d1f48f9434cde4b12b1b4d8a37984f7fb0541ea197002443f1e85a56573ad50b406efbfa7145d38c2ed2d5ae89742d918c39c9be0fcf07d5ddbe" +
			"a769846c352028fb86635860ef0ee9a0f8ef4a78c1576867aa40a103ef866d18d16f75049d011b5e3765cc32bb60ae06bb8ceef369445f8b4382809a2e76240d",
	},
	"Azure DevOps": {
		"de6b6dde2ad2dd6715121682515827a105f6afb6ea60fc7e41255d41feea6b4ca49acf82a15e46ab6bfd56876c20fba7b358f56687c29fc9cd6d85a42b1897da" +
			"5df79fb91883872df366c363627c7190ee5933ea46916d02eea5b6eb554e14730efd58f1a48c66b48a7be1045db41dad088e7c9c155896a9f1848be9f82f0337",
		"ee5204f5043bde48cfdc35f788817ee6a2d90ba61959e0ecf4388ce1441e837cc47b940c35765c3a49ac6b6dae9783d3efd4fbde6fc0e6eec087940c8fa8d031" +
			"3654ccf0abb0ca87bbe62beda6a3657e077c882171470627085b28d6e91c3fb202e7c9ab5d27c37fa4a019c95ddde618f3d157bd92ad5f47f36c9f84b295d39b",
	},
	"Entra": {
		"da46c2e6b6ece3313617e6e814682391db4f95366aee198885199ad9dd2179a20820e97baa03168990f91a91dbc43867eb04635a34159f9a83a7c988c9e344e0" +
			"36d7bfa987d9a89261e8ce729c3bfa3f10adf3bd385f83a5e10ab88eb149626fc6b5b255830aa1152f8ed9fd136fc9b85314765ee24edfdaa1ab68c03ce81f53",
		"da8db4ffeeb45a37ff9b4b69119a17bbe88add0d6018fddb8bdc115d2173f8fd9bbd8f950e6f226646f55e537d113ddb0aa5e675542f9b1faf9bc90f13fe0afd" +
			"a476aeab20972f6d0d1163b5a10568e7b5a70cb115bc43679abcf89c62b31feac9f888ca678116845a4172ae7863b29d30c9adae97318beecf96737b90b0bc73",
	},
}

// usualKey returns an owner's key of the usual size; nil if it has none.
func usualKey(owner string) *rsa.PrivateKey {
	primes, ok := usualPrimes[owner]
	if !ok {
		return nil
	}
	p, q, one := number(primes[0]), number(primes[1]), big.NewInt(1)
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, Primes: []*big.Int{p, q}}
	totient := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key.D = new(big.Int).ModInverse(big.NewInt(int64(key.E)), totient)
	key.Precompute()
	return key
}

func number(hexadecimal string) *big.Int {
	n, _ := new(big.Int).SetString(hexadecimal, 16)
	return n
}
