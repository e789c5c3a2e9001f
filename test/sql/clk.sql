--
-- CLKs: the type, schemas, projects and who may do what with them, encoding as
-- clkhash does, and comparison. test/unit has the parts of an encoding, test/t
-- the flow between two databases.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_clk;
\c regress_clk
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c
SET client_min_messages = warning;
CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_both LOGIN IN ROLE caredata_admin, caredata_guardian;
CREATE ROLE regress_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_nobody LOGIN;
ALTER DATABASE regress_clk SET search_path = public, caredata;
SET search_path = public, caredata;
\getenv abs_builddir PG_ABS_BUILDDIR
\set directory :abs_builddir '/results/'
\set secret_file :directory regress_clk.secret
\set again_file :directory regress_clk_again.secret
\set long_file :directory regress_clk_long.secret
\set fixed_file :directory regress_clk_fixed.secret
-- the secret of clkhash's own examples; a real one is never written in SQL
\set write 'umask 077; cat > ' :secret_file
COPY (SELECT 'secret') TO PROGRAM :'write';
\set write 'umask 077; tr -d "\n" > ' :again_file
COPY (SELECT 'secret') TO PROGRAM :'write';
\set write 'umask 077; cat > ' :long_file
COPY (SELECT 'twenty characters are enough') TO PROGRAM :'write';
\set write 'umask 077; cat > ' :fixed_file
COPY (SELECT 'so are twenty others') TO PROGRAM :'write';
SELECT import_compat_secret('fixed', :'fixed_file');
SELECT import_compat_secret('example', :'secret_file'), import_compat_secret('again', :'again_file'),
	   import_compat_secret('long', :'long_file');

-- 1. the type
SELECT 'AAAAAAAAAAE='::clk AS clk, clk_bits('AAAAAAAAAAE='), clk_ones('AAAAAAAAAAE='), clk_send('AAAAAAAAAAE=');
SELECT '\x0102030405060708'::bytea::clk AS from_bytes, '\x0102030405060708'::bytea::clk::bytea AS there_and_back;
SELECT clk_bits(decode(repeat('ff', 8192), 'hex')::clk) AS longest, clk_ones(decode(repeat('ff', 8192), 'hex')::clk) AS ones;
SELECT decode(repeat('ff', 8193), 'hex')::clk;
SELECT '\x01020304050607'::bytea::clk;
SELECT ''::clk;
SELECT 'AAAAAAAAAA=='::clk;
SELECT 'AAAAAAAAAAE'::clk;
SELECT 'AAAAAAAAAAF='::clk;
SELECT 'AAAA AAAAAE='::clk;
SELECT E'AAAAAAAAAAE=\n'::clk;
SELECT repeat('A', 10924)::clk IS NOT NULL;
SELECT repeat('A', 20000)::clk;
-- nothing by which to group, sort or index people in passing
SELECT 'AAAAAAAAAAE='::clk = 'AAAAAAAAAAE='::clk;
SELECT DISTINCT c FROM (VALUES ('AAAAAAAAAAE='::clk)) v(c);
SELECT c FROM (VALUES ('AAAAAAAAAAE='::clk)) v(c) ORDER BY c;
CREATE TABLE indexed (c clk PRIMARY KEY);
SELECT count(*) AS operators FROM pg_operator WHERE 'clk'::regtype IN (oprleft, oprright);
CREATE TABLE carried (c clk);
COPY carried FROM STDIN;
/////////w8=
\.
\set file :directory regress_clk.bin
COPY carried TO :'file' WITH (FORMAT binary);
COPY carried FROM :'file' WITH (FORMAT binary);
SELECT c, clk_ones(c) FROM carried;

SELECT dice('/////////w8=', '/////////w8=') AS same, dice('/////////w8=', 'AAAAAAAAAAE=') AS some,
	   dice('AAAAAAAAAAE=', 'AAAAAAAAAAI=') AS none, dice('AAAAAAAAAAA=', 'AAAAAAAAAAA=') AS empty,
	   dice('AAAAAAAAAAA=', '/////////w8=') AS one_empty, dice(NULL, '/////////w8=') AS missing;
SELECT dice('/////////w8=', '////////////////');

-- 2. schemas: those of clkhash, and what is refused
CREATE FUNCTION feature(identifier text, format jsonb, comparison jsonb, strategy jsonb, hash jsonb, missing jsonb DEFAULT NULL)
	RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('identifier', identifier, 'format', format, 'hashing',
		jsonb_strip_nulls(jsonb_build_object('comparison', comparison, 'strategy', strategy, 'hash', hash, 'missingValue', missing))) $$;
CREATE FUNCTION document(l integer, kdf jsonb, features jsonb, folds integer DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('version', 3, 'features', '[{"identifier": "rec_id", "ignored": true}]' || features,
		'clkConfig', jsonb_strip_nulls(jsonb_build_object('l', l, 'xor_folds', folds, 'kdf', '{"type": "HKDF"}' || kdf))) $$;
CREATE FUNCTION persons(hash jsonb, budget jsonb DEFAULT '[{"bitsPerFeature": 200}, {"bitsPerFeature": 200}, {"bitsPerFeature": 200}, {"bitsPerFeature": 100}, {"bitsPerFeature": 150}]',
	compared jsonb DEFAULT '[{"type": "ngram", "n": 2}, {"type": "ngram", "n": 2}, {"type": "ngram", "n": 1, "positional": true}, {"type": "ngram", "n": 1}, {"type": "ngram", "n": 2, "positional": true}]',
	surname_hash jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_array(
		feature('forename', '{"type": "string", "encoding": "utf-8"}', compared -> 0, budget -> 0, hash),
		feature('surname', '{"type": "string", "encoding": "utf-8"}', compared -> 1, budget -> 1, coalesce(surname_hash, hash)),
		feature('dob', '{"type": "date", "format": "%Y-%m-%d"}', compared -> 2, budget -> 2, hash, '{"sentinel": "", "replaceWith": ""}'),
		feature('sex', '{"type": "enum", "values": ["0", "1", "2", "9"]}', compared -> 3, budget -> 3, hash),
		feature('postcode', '{"type": "string", "encoding": "utf-8"}', compared -> 4, budget -> 4, hash)) $$;
\set kdf '{"hash": "SHA256", "keySize": 64, "salt": "SCbL2zHNnmsckfzchsNkZY9XoHk96P/G5nUBrM7ybymlEFsMV6PAeDZCNp3rfNUPCtLDMOGQHG4pCQpfhiHCyA==", "info": "c2NoZW1hX2V4YW1wbGU="}'
SET SESSION AUTHORIZATION regress_author;
SELECT create_clk_schema('blake_bpf_1024', document(1024, :'kdf', persons('{"type": "blakeHash"}'))) IS NOT NULL AS made;
SELECT create_clk_schema('default_hash_nosalt', document(1024, '{}', persons(NULL))) IS NOT NULL AS made;
SELECT create_clk_schema('double_bpt_1024', document(1024, :'kdf', persons('{"type": "doubleHash"}',
	'[{"bitsPerToken": 20}, {"bitsPerToken": 20}, {"bitsPerToken": 20}, {"bitsPerToken": 10}, {"bitsPerToken": 15}]'))) IS NOT NULL AS made;
SELECT create_clk_schema('double_nonsingular_bpf_1000',
	document(1000, :'kdf', persons('{"type": "doubleHash", "prevent_singularity": true}'))) IS NOT NULL AS made;
SELECT create_clk_schema('blake_fold1_512', document(512, :'kdf', persons('{"type": "blakeHash"}'), 1)) IS NOT NULL AS made;
SELECT create_clk_schema('blake_fold2_256_sha512', document(256, :'kdf'::jsonb || '{"hash": "SHA512"}', persons('{"type": "blakeHash"}'), 2)) IS NOT NULL AS made;
SELECT create_clk_schema('blake_2048_key32', document(2048, :'kdf'::jsonb || '{"keySize": 32}', persons('{"type": "blakeHash"}'))) IS NOT NULL AS made;
SELECT create_clk_schema('mixed_numeric_exact', document(1024, :'kdf', persons(NULL,
	'[{"bitsPerFeature": 120}, {"bitsPerFeature": 120}, {"bitsPerFeature": 80}, {"bitsPerToken": 5}, {"bitsPerFeature": 77}]',
	'[{"type": "exact"}, {"type": "ngram", "n": 3}, {"type": "exact"}, {"type": "exact"}, {"type": "ngram", "n": 1, "positional": true}]',
	'{"type": "doubleHash"}'))) IS NOT NULL AS made;

\set good 'document(1024, \'{}\', persons(NULL))'
SELECT create_clk_schema('blake_bpf_1024', :good);
SELECT create_clk_schema('', :good);
SELECT create_clk_schema('bad', NULL);
SELECT create_clk_schema('bad', '[]');
SELECT create_clk_schema('bad', :good || '{"version": 2}');
SELECT create_clk_schema('bad', :good || '{"comment": 1}');
SELECT create_clk_schema('bad', :good - 'clkConfig');
SELECT create_clk_schema('bad', :good || '{"features": {}}');
SELECT create_clk_schema('bad', :good || '{"features": []}');
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,xorFolds}', '1'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,l}', '"many"'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,l}', '1000'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,l}', '32'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,l}', '99999999999'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,xor_folds}', '9'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,kdf,type}', '"scrypt"'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,kdf,hash}', '"MD5"'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,kdf,salt}', '"*"'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{clkConfig,kdf,keySize}', '65'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1}', '7'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,identifier}', '"surname"'));
SELECT create_clk_schema('bad', :good #- '{features,1,identifier}');
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,format,type}', '"number"'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,format,encoding}', '"utf-16"'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,format,case}', '"title"'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,3,format,format}', '"%H:%M"'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,4,format,values}', '7'));
SELECT create_clk_schema('bad', :good #- '{features,1,hashing}');
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,hashing,comparison,type}', '"soundex"'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,hashing,comparison,n}', '0'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,hashing,strategy}', '{}'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,hashing,strategy}', '{"bitsPerToken": 1, "bitsPerFeature": 2}'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,hashing,strategy,bitsPerFeature}', '0'));
SELECT create_clk_schema('bad', jsonb_set(:good, '{features,1,hashing,hash}', '{"type": "MinHash"}'));
SELECT create_clk_schema('pattern', jsonb_set(:good, '{features,1,format,pattern}', '"[A-Z]+"')) IS NOT NULL AS made;
SELECT drop_clk_schema('pattern');
SELECT drop_clk_schema('pattern');
SELECT create_clk_schema('thin', document(1024, '{}', jsonb_build_array(
	feature('sex', '{"type": "enum", "values": ["1", "2"]}', '{"type": "exact"}', '{"bitsPerToken": 20}', NULL),
	feature('dob', '{"type": "date", "format": "%Y-%m-%d"}', '{"type": "exact"}', '{"bitsPerToken": 20}', NULL)))) IS NOT NULL AS made;
SELECT create_clk_schema('ages', document(1024, '{}', jsonb_build_array(
	feature('name', '{"type": "string", "case": "upper", "maxLength": 5}', '{"type": "ngram", "n": 2}', '{"bitsPerToken": 10}', NULL),
	feature('age', '{"type": "integer", "minimum": 0, "maximum": 120}', '{"type": "numeric", "thresholdDistance": 3, "resolution": 5}', '{"bitsPerToken": 10}', NULL),
	feature('town', '{"type": "string"}', '{"type": "exact"}', '{"bitsPerToken": 30}', NULL)), 1)) IS NOT NULL AS made;
RESET SESSION AUTHORIZATION;
SELECT name, bits, xor_folds, kdf_hash, length(kdf_salt) AS salt, kdf_info, key_size, created_by FROM clk_schema ORDER BY schema_id;
SELECT round(clk_schema_entropy(schema_id)) AS entropy, round(clk_schema_fill(schema_id)::numeric, 2) AS fill, name FROM clk_schema ORDER BY schema_id;

-- 3. projects: risks, approval, term
SET SESSION AUTHORIZATION regress_author;
SELECT create_clk_project('p', 'nothing', 'test', CURRENT_DATE + 2);
SELECT create_clk_project('', 'ages', 'test', CURRENT_DATE + 2);
SELECT create_clk_project('p', 'ages', ' ', CURRENT_DATE + 2);
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE - 3);
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2, flip_probability => 'NaN');
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2, flip_probability => 0.95);
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2, salt_feature => 'nothing');
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2, salt_part => 'half');
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2, invalid_values => 'guess');
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2, secret => 'nothing');
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2, accept => ARRAY['everything']);
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2, accept => ARRAY['reused secret']);
\set VERBOSITY default
SELECT create_clk_project('p', 'blake_bpf_1024', 'test', CURRENT_DATE + 2, secret => 'example');
SELECT create_clk_project('p', 'thin', 'test', CURRENT_DATE + 2, flip_probability => 0.1);
\set VERBOSITY terse
SELECT create_clk_project('p', 'blake_bpf_1024', 'test', CURRENT_DATE + 2, secret => 'example', accept => ARRAY['short secret']);
SELECT create_clk_project('p', 'blake_bpf_1024', 'test', CURRENT_DATE + 2, flip_probability => 0.01);
SELECT create_clk_project('p', 'blake_bpf_1024', 'test', CURRENT_DATE + 2, balanced => true);
SELECT create_clk_project('p', 'double_bpt_1024', 'test', CURRENT_DATE + 2, flip_probability => 0.1);
SELECT create_clk_project('p', 'double_nonsingular_bpf_1000', 'test', CURRENT_DATE + 2, flip_probability => 0.1, accept => ARRAY['double hashing']);
SELECT create_clk_project('example', 'blake_bpf_1024', 'the example', CURRENT_DATE + 2, secret => 'example',
	accept => ARRAY['short secret', 'unhardened', 'few bits']);
SELECT create_clk_project('example', 'ages', 'test', CURRENT_DATE + 2);
\set VERBOSITY default
SELECT create_clk_project('p', 'blake_fold1_512', 'test', CURRENT_DATE + 2, secret => 'again', accept => ARRAY['short secret']);
\set VERBOSITY terse
SELECT create_clk_project('p', 'blake_fold1_512', 'test', CURRENT_DATE + 2, secret => 'example', accept => ARRAY['short secret']);
SELECT create_clk_project('thought', 'ages', 'a draft', CURRENT_DATE + 2);
SELECT approve_clk_project('example');
SET SESSION AUTHORIZATION regress_both;
SELECT create_clk_project('both', 'ages', 'of one person', CURRENT_DATE + 2);
SELECT approve_clk_project('both');
SET SESSION AUTHORIZATION regress_guardian;
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2);
SELECT create_clk_schema('p', '{}');
SELECT approve_clk_project('nothing');
SELECT approve_clk_project(NULL);
SELECT approve_clk_project('example');
SELECT approve_clk_project('example');
SELECT approve_clk_project('both');
SELECT end_clk_project('both', 'not needed');
SELECT end_clk_project('both');
SELECT approve_clk_project('both');
SET SESSION AUTHORIZATION regress_auditor;
SELECT name, state, schema_name, bits, shared, accepted_risks, requested_by, approved_by, ended_by, reason FROM clk_projects();
SELECT clk_of('example', '1', 'A', 'B', NULL, NULL, NULL);
SET SESSION AUTHORIZATION regress_linker;
SELECT clk_of('thought', '1', 'A', '1', 'B');
SELECT clk_of('both', '1', 'A', '1', 'B');
SELECT clk_of('nothing', '1', 'A');
SELECT clk_agreement('nothing');
SELECT clk_columns('nothing') IS NULL AS none, clk_columns('example');
SELECT * FROM clk_project;
SELECT * FROM clk_feature;
SELECT same_compat_secret('example', 'again');
RESET SESSION AUTHORIZATION;
SELECT same_compat_secret('example', 'again'), same_compat_secret('example', 'long');
SELECT same_compat_secret('example', 'nothing');
SELECT drop_clk_schema('ages');
SELECT name, reader_role FROM domain ORDER BY domain_id;

-- nobody else may do anything
SET SESSION AUTHORIZATION regress_nobody;
SELECT create_clk_schema('p', '{}');
SELECT drop_clk_schema('ages');
SELECT create_clk_project('p', 'ages', 'test', CURRENT_DATE + 2);
SELECT approve_clk_project('thought');
SELECT end_clk_project('thought');
SELECT * FROM clk_projects();
SELECT clk_columns('example');
SELECT clk_of('example', '1', 'A', 'B', NULL, NULL, NULL);
SELECT clk_agreement('example');
SELECT * FROM encode_clks('example', 'pg_class', 'relname');
SELECT * FROM dice_join('pg_class', 'pg_class', 0.5);
SELECT * FROM clk_risk;
RESET SESSION AUTHORIZATION;
-- EXECUTE alone is not enough
GRANT EXECUTE ON FUNCTION clk_of(name, text, text[]), clk_agreement(name) TO regress_nobody;
SET SESSION AUTHORIZATION regress_nobody;
SELECT clk_of('example', '1', 'A', 'B', NULL, NULL, NULL);
SELECT clk_agreement('example');
RESET SESSION AUTHORIZATION;

-- 4. bit for bit what clkhash makes: five records under eight schemas
CREATE TABLE person (rec_id text, forename text, surname text, dob text, sex text, postcode text);
INSERT INTO person VALUES ('1', 'SAMMY', 'BERNARD', '1992-01-01', '1', 'SW1A 2AB'),
	('2', 'PENELOPE', 'CHERRY', '1976-08-15', '2', 'E14 5EA'),
	('3', 'ZOË', 'Ó BRIAIN', '1992-01-01', '2', 'SW1A 2AA'),
	('4', '', 'FOX', '', '0', ''),
	('5', 'JOHN', 'O''NEILL-SMITH', '2002-12-17', '1', 'LS1 4AP');
GRANT SELECT ON person TO caredata_linker;
CREATE TABLE golden (schema_name name, rec_id text, clk clk);
COPY golden FROM STDIN;
blake_bpf_1024	1	5v8t+z6ek/k+/XSzOAgyskL3cbyN1Z/TshfzQ2bi07Ta+adq/uhD1j79Ppf5p6lG08etfz95KkQNOuzDTxhJGg+3+f/3tCW6HjwtqJ+2crSprCgcvoekCJty7dffDs+PkTatQTl/a1+YqIrwdXyFysw6+Dx44/rz/ZR0HZjtlR4=
blake_bpf_1024	2	xen6XxIIk0/ip0t9Q3gmIXObkyLM3slDcMxEPqZQc+eKmaeNfsxfVbVy32737+pcF5XCV/j8vZ0Kg9X6+ynTh62Ph3LnNW6ZxpUFm188Pr2sEcVmAGsPrN4+q9+XXUH09rvklOpgcd0Ri2dmi+X5c8VubjM06g0ztUiNHmhRrP0=
blake_bpf_1024	3	b+Py2QoXMU9q2fyxWWKiMUGTdKaLxtNZknd/xiZgw9QeT4oIft17TW59f3d5ta2eN5c5e7trPZMs+dzqzVorjDX2ifr/djfqRt4PON8e+rxjDyq+9tsJCJj2meZdTMaG1X6tFBF1QNVz7Ct1fWrVm4z2/699u2imv+B1Xl71ch8=
blake_bpf_1024	4	ApMAISEpRAFDQFgICAAUQQScUBAgNSAANhEBhAAEInIJDUkTwB29WJShBJABEeCGqCJwKCCHAChIAiMQmYUxAAIxpjKAIqBFRAAIIEIVUEZgYcaWpPAgxCQAgJCAABQBAAQQAAICFUkxIEAAUCIMQKIADCAwA0whkSQsYBAwY0g=
blake_bpf_1024	5	+xtJejWyN0erxe37PGMdGxtTqrsH7rbvuDnD82e1Df1BzkrIyIOVn4Sb3gLv77vBX+m7ECcr/wxVC9f79pskXEN/PS7xuZnHvKn2vUlmQOntLq73N/8UgftzecC8McZrozTpSm0X6/4QvYgQRz6sf5rZjpB8pYSHCxyWjzhGvnQ=
default_hash_nosalt	1	tJ+qr2fYFks4w/Lf+NNduyXQbRNbrg+Whq8H5KEuew9s5rh+znYJfLH49d/rKtn1euPpNsmDZ43LFyXTbvXvhfPvCp4yotmUdEaf4xG1grZW9zQQnmlXpq1izp63PHxl11mLXlZCu+y9+hxd0e2M+DewqFq7+TqgP2+TUJapErE=
default_hash_nosalt	2	rSRD+SWqV8jsT0W1p47tXwEjbwefTYnyg/4MPPTvbWVe+59eLzdEuiIxvFNrFoOm+oFLhiB1xy/1AsnvkJ1uTu9Jfql/v28NRCb29D1UV/u/PxlaMR+wL9ZLzfQA8BHPc1F7M54C+/dfSzyllYRx/o+MrYb4GtZtG6LBco9aNd4=
default_hash_nosalt	3	n6djo+/kdFM7pXfJDN/d3wXw8XH+jx+Y15d1YPWmZR/O5h9za3eM+afqtVr7+qh9cqTpt0zBjInaxl2Bj/XqvreP+LsHhwEBNz8XfBf8V7Jr/awenB2SdrfS/PmIPjzUcR/Pez1AOy620lWVla/BVJXWazkY1jpIuiezJZUbBr8=
default_hash_nosalt	4	BAOEA6C4wBABABmTALAJAEHFaCgGIAkJw+gFEQSWFNBAsho1ABFEQAjA6KQBIA4gEIpCFSCQxFBBCSAEYC1yUAgEKAFQr0IICSACpxCJQIAIEEHAiKAyKISQEiCQAsaDAzgAAcCgMkIpECVFBAAMECgwCK8EgKQQAMyIXAJAABE=
default_hash_nosalt	5	UcDqp3epcJN//9lz7e3R64+86XcW+NjXp9s4c6YgXbYe8ra9nzQlflPv/a8oDso5fMrj/afEFcYIP4LXuX857T5TaUoBm7PQdf1pNRg0CaF/97yNI19wCA7S9XaKsihJ9bN+dTdrVXq3H/5YBv9V58JhIdDndYoeHpza0jXg1lQ=
double_bpt_1024	1	hRcJG+WtMaeVQ5kn0FmFkQ2nJcEzYV5RPR+NI1yFCZuUgxgYl/ISYQGmE6gRwnKhwDMgASRzG0BKEvTfGv7bgFYC80EhA8BRmDeAAuMJcYYQ46XQMGgyBZsaMYILYdbct4IKjAElEIIhh3yxz4hykrXjXHOwhSEY0gtAZZEfBoU=
double_bpt_1024	2	uSJdE0SFMxhT05FGNuaxSEWb8VQ6MefVKw8ejYBILZtZI9kYclwUgeGCuchAJn2gHZ+w2CnjYAXB3rOIGzHYDLWCexWbRiJsoMoh8aGZSKEBIzQXmEh9hLWfn0FN4AgBIvIO26VUEyJe08DAnYX9HvwbEbXVMSCEYBpm360JRkE=
double_bpt_1024	3	gRdRG+OrMaeVq7GLgm3JtRnnpck1IdATXx8tI4yJGROyo2gAN7gSqqmumchb0jYh4FsooCxym6BiCuadEx7JJJ4Sswmli4BSCDfKIONCWUwhoqnSLkgmqRkqMZIO0V7QrqIKrqGFGOqqs3qzzsTIOCGigXIyAwIQmApSwZmbJgU=
double_bpt_1024	4	EIAgAABAAAAEAQCAAAAABACAEAAAAIDAAEAAAQCABIAEmAAAwAAIgACAEAgAgYAACBAEgAAIABKAAAgAQIACCAAAgIAMQACAAJgAAMAASIAAAAHAAAAAAACICAAAIACAyAACAAGIAQAABAAAAAEQgAAAAAAhgAAAAAAApAAAAAA=
double_bpt_1024	5	Dtw7aaNDjSi86GnTU2b6sWiYAkDu1/3QOXuxcernLXqZSMzGIL3TboyOCITGGbjQCunzkS3mPiXFDPMaIzdSsaAK7qUFSwALFzwBIvpLQjQRDLajwONZD3kLUllF8eOnTq7IKYEojxagW4wiTYBinDaLDhiF81F12Vlz3z2Rm4U=
double_nonsingular_bpf_1000	1	UmG/w9itPrHSG/K/08WZlVXX5WMV6pcYcQrXmQS9WtTZRzPxxpkGHf9Dl993hnP5svdGcD+U6x7DHzes21sTxb7pR7nHgV9gt7UzmZr7tpdGFtuyUdznX/eVMdA12ZcjtfvnMfuNlVXz7VJ5LrGFnxvDw5OpV3rBPOFbDfU=
double_nonsingular_bpf_1000	2	/+fdCsUnmSDIURaf9YuemcRv6E41grKN6TOxUXktib0lfXafj7mKfDab8xsOhp47KntDtZ4/3xKSd/udg/QiDDdpgvgbU5a81tmb/J8Lzx6mvZfJQNqxF5nzcJThWZHV2fUo4BjREZjdeffhaXohrBVp30CfyQ94XvFp6EM=
double_nonsingular_bpf_1000	3	OqO7SxKsstlKG7ifecuQk5cRrj89qhs4chzysa21SvpZCpupg7u6b+KKH9r/jut5u3Yeojtfy4qv39/99/9XiArv67uaK4O1l4yimI5bug7G1lO4GM/ju8+YGrg32bDPs7GrLeittZ16i5MxKxh5rhnPChmie1phKM4beKg=
double_nonsingular_bpf_1000	4	SMC5ABAQrACEBIKQB0kBiAnAIOGA8ACYwEwIRoiDaBGAhNAQ4NC0ABiMqAgEBYKQAYCCgQhAKODINAjYkAyCFoiDkAmAjMQIYIQygByBjIEHBIoBCcCKgEBAwOGQFACYgIwSjoADRIGAhMGg4IE6ABmAzAEGwIMgwYCAyBA=
double_nonsingular_bpf_1000	5	vCX685PFbn62tVNgTS0tLfDrg3W/cGxV6Rn7rdvPsLUbSaGp3R7+udcjHcf7h7FKws2HKr+byhVjZREl+Ou7wwbZnlDyDneOq5dz5Xh3rK+uO1Q99c8xb3vdmWpkGwW67t/+41UXZYxwe4ndh1vtlmO9+359jvNX2OE7fdw=
blake_fold1_512	1	6UjUBMkqtkMgwVkbp75AButbWaAzUjvbKWUelLnsHDtLzworx5coiaZVtGeM2yyMH/1VQ0ea0Lfwrpje1/XcBA==
blake_fold1_512	2	aGZ9LfU9/dYkMk7mHEQYnN+KVkTMtcbvrvLv4TENMhN8IkMZlKwuiKT5uAh8ChMv0vusZMwWsK6/y1jkk3h/eg==
blake_fold1_512	3	WhV7I/VhBqUsB/OJhnxYjSKcXhh9HdpRCoHmIHssBVLLMSccb6g7mB2RVAIE33gFu2HG1MbQVTWTGam0k69Zkw==
blake_fold1_512	4	AKKmE6EL5EQHQFAoShVEB2T9loaExQDEEhGBFIAENnMJCVkTwh+oEaWBRJBRM+zGCiJ8CBCETAnZJg9wibVSSA==
blake_fold1_512	5	uGR0VMQLroAXbBtGdQVd8vZ9BEwwEaJuQ0q6M9uEy5bi+qOCpZR+YZQmVhKo0Re+xTA1gFuOe4teF0F0zt2aKA==
blake_fold2_256_sha512	1	rala8vvvYtYutieZQZe2/6ZHiof5mSHom22rxHERqP4=
blake_fold2_256_sha512	2	/zEooH7Ik85+3i5jS6cDEW1AyNdl4Uet7G44YpoE6YE=
blake_fold2_256_sha512	3	/1L7+XXGNZJsJ+C0EprAZfq0nk2JbmFHZPitJvmc+BI=
blake_fold2_256_sha512	4	GcHtp6qsKB/rTXgSqjbSR1oAFYJwlJAjoM3IoE2DXl8=
blake_fold2_256_sha512	5	X1w9FWa9rNx1u3R6aptcDqlCbvSRTNf76uDfqDa4c6k=
blake_2048_key32	1	MiwU7WARqm/OiC7kQGDEoAB8IKAAizgMIQiQEqgLfM4wIQCTVEQMlCUSAjGfD0FLChACAgRkOoFEwgokSGQiYhBsgAFkACkCoEg0CANaM0SKQcPJAmAJUDIAqwCshHVEhRBoAnDEEJQaWMCqIA0hdWaY4JpEmMzKAwKIEGQ1m+RY4EFSoogRUEgMAHoGMmkiEAEcAjaFMcJZ7itLkhNoFDbTRBIlJuSwohpZCAIaFCj0AAwJIKJefkuhiJLNMGoWiCIHxzKyABOYzZukYFGuCIAhmpsCKwBZBEAGLKSQoOEXc8BwwKJhAFogMEEJUAJVgA6EKj8EQp1gQM0tjgYgGA==
blake_2048_key32	2	CcQCxooWpn2oAwMTCTmVq0SyjFIYPtUAkQiiSZiZwAwyJAKBhEQDhCagBKuSgHLCYNlXA4CwQI4CzmMRoCEkJzqIALUNGErjAikxwC2cAyApdnpBAMqRKHYsBQgIIjloYASBxQh4gMGGmBaDAEBNESwQAohRHmzgZggssBZxADFYmgCeBkhhXHAEQoGmkOkowhUoAAR8AUjA2nrVASANAUJUCOiYkbhOdKrqFBEMARAkxUELaFDM+ZhAAtQNHggEASMBGqAgwCQUSBgpUaEJwAEohr4gUvgjFLAlaACBOGAYDiDgNDRAEFggYgEoEArmggqEAG0j4IM0DokHUgKgwQ==
blake_2048_key32	3	ZI0VPcLUIg6IgjggQaIEBEB6eIIIqhyuCRABUIgaWYwQIAyBxPMANDQQCAHHi2bCZGgGAgZkaANoxgoCAKMAehAMQEEGElVLA014zwEYMADLSNcBFCKYMBBOBYYMdTXUwCK3w0C8gpEWWMSjJIEZOSIw8MFUmknQJ4IJ0CVxoYBYpKC6oEsRSYIMgVKisNUnjAOAgCQBFIrIKT9BloBK2xSWAlYQgbArQDooTAAfkrDUgBQIImXISkrpgIPNCOp0CIoH0pIjAHRRD40AUPkjA7BFD9gqChDw5QINDCCC4OABAEIwcHJkAEioJIAJEgj1QgaMCvyMyoJEAMgsjha0CQ==
blake_2048_key32	4	BAAEiSCAAQBFBEQgAQAiAIBIAIAEARIAAJAIAAABBBAwAAoAAAAAAAAYmJBIAEAURZCQKBEQoACDSjAAAUCCMBCAKgBRAAAAIAAACBAAoAAIIAEBQAALzgQAAQAAAAAAAIXGkAQAIKgCgACAABAgQAQEEEAqAAcAAACCALIAAQAECAIEAGAEAQgAATAAAAQgAAAQhwAADIgQEALAAAACAAQIUIwQgAIACABgkAAAAgECAANQMJgkhgAIBgAAEAAACMgABItIAAAEEAgkhEAIQAIIgIwAgEAAQACAQhQAACAJCgSABADQABLAAQCggAAZA4ABSIAYABAAAIAAG0ACgQ==
blake_2048_key32	5	ASKvDUbA5tDR3ARGQTOoAGDGTY2hISoiwQXUEMBxQMEBRGGVNVUgEGUTArNDhaSdAJAkCQDlwpoRDAGARESiNBBzALhJpu9QCjQ4AyMQIgoKQekwAlCBo2JwCJBAA1WYAYyEBBgArNATjUloAhRF1YB4AhAcBYaCTKY8/CEkKhYIEIgcCgCbAP2IBLIEqBMYIAMQpACKnFagx0AKCCPFhgoy1zjHdwiIExdBFEoYoyQARQhiBIRDSmopBQb4CNElpgE1XQcYYhNkl3oULAnN4/mRiIhPB8gJABcGCTsQFQgRoFApZAmKBrmwMFhAOQM4wGxEywGFAEc088FVWAcOBA==
mixed_numeric_exact	1	QvgESAAUTClCKNeVcYcsuDDBihQVIZZAfERW2CEjKCQHCBBRIBIHBAGKAWoKAcYIjGhEi2ABAQqg7UbiC1AMmmWh0KKqQH7hbSIekTQVkiBSCOakAwGoOIBHwGEJwA0KGQREYsxTFIIkQG9MCABAEAzIAQxIsaCJEYReAbU8h3A=
mixed_numeric_exact	2	hVnxkShYBUBAoRgxtJomkQEhFIsgJARFCaLhAQGwYYYgVNoAELIUHKdIEECFODuMIAcRIPlHiDCl0AxaAMM4wgqiGAeiFakAbDMQUsoZGYTnoi4rwmHIUACFq4KKwMAKA0vGDIkiQKNIhIQIK4iAamhMoQghQYweGYAAQAmYMqg=
mixed_numeric_exact	3	Qpk0QAGeBThEadKUWADO8ZCTojyhAI1QYGJKCAA0gAymCJAqogohgknPZMsIBQArqihMWAoJAAAowETJGBEHnSWDgCqaBISDzYIYmgCXowCDB2W0ghAIgIJpWEEISY0BHSAojNDhFDaw3EoKCGwAEgnIlIDJtIiBIyABNDHcjKA=
mixed_numeric_exact	4	ICAAIEAoFVVAICAIAAAAAAAgIAIABACAERMgIZEQQAAAAAAgIAAQAAgBATE4AAQAAEREACIAAQAIAIAQIrFQQAAAAAAAIBERAAAAAAEgIBURAAAAAAAgAQAAAABERCAiQEE5AAAAASAQAAgAAAAAICQxFwCREAAAIQAAgAAAAAA=
mixed_numeric_exact	5	HACAwAA2i4SIFQZJ4J8IJxOknAEKFEkIRABIYRAgBIoSJGgqAngAunFoJw6gDRoR4aXocCFfrAEPBNomBliuZS6QCgMArPqghAQIZJoxUABAgsQpIBgJJJ1ljsODAOmhFg6Ajo3IZRCku0kBAzQVAEgBEDBIlAgaBmQAnBH9AwQ=
\.
-- one secret, one project: the earlier one gives it up
CREATE FUNCTION made_as_clkhash(schema name) RETURNS TABLE (same bigint, other bigint) LANGUAGE plpgsql AS $$
BEGIN
	UPDATE caredata.clk_project p SET schema_id = (SELECT s.schema_id FROM caredata.clk_schema s WHERE s.name = schema)
	WHERE p.name = 'example';
	RETURN QUERY SELECT count(*) FILTER (WHERE e.clk::text = g.clk::text), count(*) FILTER (WHERE e.clk::text <> g.clk::text)
	FROM encode_clks('example', 'person', 'rec_id') e JOIN golden g ON g.rec_id = e.record_id AND g.schema_name = schema;
END
$$;
SELECT s.name, m.* FROM (SELECT DISTINCT schema_name AS name FROM golden ORDER BY 1) s, made_as_clkhash(s.name) m ORDER BY 1;
SELECT * FROM made_as_clkhash('blake_bpf_1024');
-- NULL is a missing value
SELECT clk_of('example', NULL, NULL, 'FOX', NULL, '0', NULL)::text = (SELECT clk::text FROM golden WHERE schema_name = 'blake_bpf_1024' AND rec_id = '4') AS missing;
SELECT clk_of('example', '1', NULL, NULL, NULL, NULL, NULL)::bytea = decode(repeat('00', 128), 'hex') AS all_missing;
SELECT clk_of(NULL, '1', 'A') IS NULL AS no_project, clk_of('example', '1', VARIADIC NULL::text[]) IS NULL AS no_values;
SELECT clk_of('example', '1', 'A', 'B');
SELECT clk_of('example', '1', 'A', 'B', '31/12/1999', '1', 'LS1 4AP');
SELECT clk_of('example', '1', 'A', 'B', '1999-02-30', '1', 'LS1 4AP');
SELECT clk_of('example', '1', 'A', 'B', '1999-12-31', 'M', 'LS1 4AP');
SELECT clk_of('example', '1', repeat('A', 10000), 'B', '1999-12-31', '1', 'LS1 4AP');
SELECT clk_agreement('example') = clk_agreement('example') AS stable, length(clk_agreement('example')) AS digits;

-- 5. a project's own key, hardening, values that are not valid
SET SESSION AUTHORIZATION regress_author;
SELECT create_clk_project('flipped', 'ages', 'own key', CURRENT_DATE + 2, flip_probability => 0.2);
SELECT create_clk_project('balanced', 'ages', 'own key', CURRENT_DATE + 2, balanced => true, invalid_values => 'leave out');
SELECT create_clk_project('salted', 'blake_bpf_1024', 'shared', CURRENT_DATE + 2, 'long', salt_feature => 'dob', salt_part => 'year');
SELECT create_clk_project('by_id', 'blake_bpf_1024', 'own key', CURRENT_DATE + 2, salt_feature => 'rec_id');
SET SESSION AUTHORIZATION regress_guardian;
SELECT approve_clk_project(p) FROM unnest(ARRAY['flipped', 'balanced', 'salted', 'by_id', 'thought']::name[]) p;
SET SESSION AUTHORIZATION regress_linker;
SELECT name, state, bits, shared, secret, xor_folds, salt_feature, salt_part, balanced, flip_probability, accepted_risks FROM clk_projects() WHERE name <> 'example';
SELECT count(DISTINCT clk_agreement(name)) AS agreements FROM clk_projects() WHERE state = 'approved';
SELECT clk_columns('by_id'), clk_columns('salted');
-- own keys have nothing to do with each other
SELECT clk_of('flipped', '1', 'SMITH', '40', 'LEEDS')::text <> clk_of('thought', '1', 'SMITH', '40', 'LEEDS')::text AS other_keys;
-- flips: the same for a record, others for another one
SELECT clk_of('flipped', '1', 'SMITH', '40', 'LEEDS')::text = clk_of('flipped', '1', 'SMITH', '40', 'LEEDS')::text AS same,
	   dice(clk_of('flipped', '1', 'SMITH', '40', 'LEEDS'), clk_of('flipped', '2', 'SMITH', '40', 'LEEDS')) BETWEEN 0.5 AND 0.95 AS others;
SELECT clk_of('flipped', NULL, 'SMITH', '40', 'LEEDS');
-- balance: as many ones as zeros
SELECT clk_bits(c), clk_ones(c) FROM clk_of('balanced', '1', 'SMITH', '40', 'LEEDS') c;
SELECT clk_ones(clk_of('balanced', '1', 'JONES', '39', NULL));
-- neighbouring ages are similar, far ones are not
SELECT dice(clk_of('thought', '1', NULL, '40', NULL), clk_of('thought', '1', NULL, '41', NULL)) > 0.6 AS near,
	   dice(clk_of('thought', '1', NULL, '40', NULL), clk_of('thought', '1', NULL, '60', NULL)) < 0.2 AS far;
-- salting: nothing in common between two years
SELECT dice(clk_of('salted', '1', 'A', 'SMITH', '1999-12-31', '1', 'LS1 4AP'), clk_of('salted', '2', 'A', 'SMITH', '1999-01-31', '1', 'LS1 4AP')) > 0.8 AS same_year,
	   dice(clk_of('salted', '1', 'A', 'SMITH', '1999-12-31', '1', 'LS1 4AP'), clk_of('salted', '2', 'A', 'SMITH', '1998-12-31', '1', 'LS1 4AP')) < 0.65 AS other_year;
SELECT clk_of('salted', '1', 'A', 'SMITH', NULL, '1', 'LS1 4AP') IS NOT NULL AS no_year;
-- values that the schema does not take: refused, or left out with one warning
SELECT clk_of('thought', '1', 'Smith', '40', 'LEEDS');
SELECT clk_of('thought', '1', 'SMITHS', '40', 'LEEDS');
SELECT clk_of('thought', '1', 'SMITH', '121', 'LEEDS');
SELECT clk_of('thought', '1', 'SMITH', 'forty', 'LEEDS');
SELECT count(clk_of('balanced', n::text, 'Smith', 'forty', 'LEEDS')) FROM generate_series(1, 5) n;
SELECT clk_of('balanced', '1', 'Smith', 'forty', 'LEEDS')::text = clk_of('balanced', '1', NULL, NULL, 'LEEDS')::text AS left_out;
RESET SESSION AUTHORIZATION;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TABLE many AS SELECT n, 'X' || n % 100 AS name, n % 100 AS age FROM generate_series(1, 2000) n;
SET max_parallel_workers_per_gather = 0;
SELECT md5(string_agg(c, '' ORDER BY n)) AS serial FROM (SELECT n, clk_of('flipped', n::text, name, age::text, NULL)::text AS c FROM many OFFSET 0) x \gset
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT n, clk_of('flipped', n::text, name, age::text, NULL) FROM many;
SELECT md5(string_agg(c, '' ORDER BY n)) = :'serial' AS same_in_parallel FROM (SELECT n, clk_of('flipped', n::text, name, age::text, NULL)::text AS c FROM many OFFSET 0) x;
RESET max_parallel_workers_per_gather;
-- too full: a warning by name
SELECT create_clk_schema('fuller', jsonb_set(document(1024, '{}', persons(NULL)), '{features,1,hashing,strategy,bitsPerFeature}', '900')) IS NOT NULL AS made;
SELECT create_clk_project('fuller', 'fuller', 'test', CURRENT_DATE + 2, 'fixed', accept => ARRAY['unhardened']);
SET SESSION AUTHORIZATION regress_guardian;
SELECT approve_clk_project('fuller');
RESET SESSION AUTHORIZATION;
SET max_parallel_workers_per_gather = 0;
SELECT count(clk_of('fuller', n::text, 'SAMMY', 'BERNARD', '1992-01-01', '1', 'SW1A 2AB')) FROM generate_series(1, 99) n;
SELECT count(clk_of('fuller', n::text, 'SAMMY', 'BERNARD', '1992-01-01', '1', 'SW1A 2AB')) FROM generate_series(1, 200) n;
-- a new generation of the key, a shared secret that is dropped, a term that is over
SELECT clk_of('thought', '1', 'SMITH', '40', 'LEEDS') AS before \gset
SELECT rotate_domain_key(domain_id) FROM clk_projects() WHERE name = 'thought';
SELECT clk_of('thought', '1', 'SMITH', '40', 'LEEDS')::text <> :'before' AS other_generation;
SELECT drop_compat_secret('long');
SELECT clk_of('salted', '1', 'A', 'B', NULL, NULL, NULL);
UPDATE clk_project SET ends_on = CURRENT_DATE - 3 WHERE name = 'flipped';
SELECT clk_of('flipped', '1', 'SMITH', '40', 'LEEDS');
SELECT name, state FROM clk_projects() WHERE name IN ('flipped', 'salted');

-- 6. whole tables, by the names of their columns
CREATE TABLE "a'; drop --" ("x"") --" text, "surname" text, "dob" date, "sex" int, "p'c" text, "id id" int);
INSERT INTO "a'; drop --" SELECT forename, surname, NULLIF(dob, '')::date, sex::int, postcode, rec_id::int FROM person;
SET DateStyle = 'German';
SELECT e.record_id, e.clk::text = g.clk::text AS same
FROM encode_clks('example', '"a''; drop --"', 'id id', ARRAY['x") --', 'surname', 'dob', 'sex', 'p''c']) e
JOIN golden g ON g.rec_id = e.record_id AND g.schema_name = 'blake_bpf_1024' ORDER BY 1;
RESET DateStyle;
SELECT * FROM encode_clks('example', '"a''; drop --"', 'id id');
SELECT * FROM encode_clks('example', 'person', 'nothing');
SELECT * FROM encode_clks('example', 'person', NULL);
SELECT * FROM encode_clks('example', 'person', 'rec_id', ARRAY['surname']::name[]);
SELECT * FROM encode_clks('nothing', 'person', 'rec_id');
SELECT * FROM encode_clks(NULL, 'person', 'rec_id');
SELECT count(*) FROM encode_clks('example', 'person', 'rec_id') WHERE false;
SET SESSION AUTHORIZATION regress_linker;
SELECT count(*) FROM encode_clks('example', 'person', 'rec_id');
SELECT count(*) FROM encode_clks('example', '"a''; drop --"', 'id id', ARRAY['x") --', 'surname', 'dob', 'sex', 'p''c']);
RESET SESSION AUTHORIZATION;

-- 7. comparison: what dice() says of every pair, whatever the memory
SELECT count(*) FILTER (WHERE chosen) AS chosen, bool_and(usable) FILTER (WHERE chosen OR kernel = 'portable') AS usable FROM dice_kernels();
CREATE FUNCTION made_up(n integer, salt text, bytes integer) RETURNS clk LANGUAGE sql AS $$
	SELECT substr(decode(string_agg(md5(n / 3 || salt || k || CASE WHEN k = 1 THEN n::text ELSE '' END), ''), 'hex'), 1, bytes)::clk
	FROM generate_series(1, 1 + bytes / 16) k $$;
CREATE TABLE l AS SELECT n AS record_id, made_up(n, '', 40) AS clk, 'b' || n % 4 AS block FROM generate_series(1, 300) n;
CREATE TABLE r AS SELECT n AS record_id, made_up(n, '', 40) AS clk, 'b' || n % 3 AS block FROM generate_series(200, 450) n;
UPDATE l SET block = NULL WHERE record_id % 50 = 0;
UPDATE r SET clk = NULL WHERE record_id % 60 = 0;
CREATE FUNCTION mistakes(memory text, threshold float8, top integer, self boolean, blocks boolean, OUT pairs bigint, OUT mistakes bigint)
	LANGUAGE plpgsql AS $$
DECLARE
	b name := CASE WHEN blocks THEN 'block' END;
BEGIN
	PERFORM set_config('work_mem', memory, true);
	PERFORM set_config('client_min_messages', 'error', true);
	CREATE TEMP TABLE got AS SELECT * FROM dice_join('l', CASE WHEN NOT self THEN 'r'::regclass END, threshold, top, left_block => b);
	CREATE TEMP TABLE expected AS
	SELECT a, o, d FROM (
		SELECT l.record_id::text AS a, o.record_id::text AS o, dice(l.clk, o.clk) AS d,
			   row_number() OVER (PARTITION BY l.record_id ORDER BY dice(l.clk, o.clk) DESC, o.record_id::text COLLATE "C") AS rank
		FROM l JOIN (SELECT * FROM l WHERE self UNION ALL SELECT * FROM r WHERE NOT self) o ON NOT blocks OR l.block = o.block
		WHERE dice(l.clk, o.clk) >= threshold
		  AND (NOT self OR CASE WHEN top IS NULL THEN l.record_id::text COLLATE "C" < o.record_id::text ELSE l.record_id <> o.record_id END)) x
	WHERE top IS NULL OR rank <= top;
	SELECT count(*) INTO pairs FROM expected;
	SELECT count(*) INTO mistakes FROM ((TABLE got EXCEPT ALL TABLE expected) UNION ALL (TABLE expected EXCEPT ALL TABLE got)) x;
	DROP TABLE got, expected;
END
$$;
SELECT memory, self, blocks, string_agg(format('%s/%s: %s', t, coalesce(k::text, 'all'), pairs), ', ' ORDER BY t, k NULLS FIRST) AS pairs, sum(mistakes) AS mistakes
FROM unnest(ARRAY['64kB', '4MB']) memory, unnest(ARRAY[false, true]) self, unnest(ARRAY[false, true]) blocks,
	 unnest(ARRAY[0.45, 0.75, 1]) t, unnest(ARRAY[NULL, 1, 4]) k, mistakes(memory, t, k, self, blocks)
GROUP BY 1, 2, 3 ORDER BY 2, 3, 1;
-- other lengths: a word that is not full, one that is, many
CREATE TEMP TABLE lengths AS SELECT b, n, made_up(n, 'x', b) AS clk FROM unnest(ARRAY[8, 9, 15, 16, 127, 128, 129, 1000, 8192]) b, generate_series(1, 40) n;
CREATE FUNCTION length_mistakes(bytes integer, OUT pairs bigint, OUT mistakes bigint) LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE one AS SELECT n AS record_id, clk FROM lengths WHERE b = bytes;
	CREATE TEMP TABLE got AS SELECT * FROM dice_join('one', NULL, 0.55);
	CREATE TEMP TABLE expected AS SELECT a.record_id::text AS a, b.record_id::text AS b, dice(a.clk, b.clk) AS d FROM one a, one b
	WHERE a.record_id::text COLLATE "C" < b.record_id::text AND dice(a.clk, b.clk) >= 0.55;
	SELECT count(*) INTO pairs FROM expected;
	SELECT count(*) INTO mistakes FROM ((TABLE got EXCEPT ALL TABLE expected) UNION ALL (TABLE expected EXCEPT ALL TABLE got)) x;
	DROP TABLE one, got, expected;
END
$$;
SELECT b, m.* FROM unnest(ARRAY[8, 9, 15, 16, 127, 128, 129, 1000, 8192]) b, length_mistakes(b) m;
-- what is left out is said
SELECT count(*) FROM dice_join('l', 'r', 0.9, left_block => 'block');
-- other names of columns
CREATE TABLE "other ""one""" AS SELECT 'r' || record_id AS "an id", clk AS "a clk", block AS "a block" FROM r WHERE clk IS NOT NULL;
SELECT left_record, right_record, dice FROM dice_join('l', '"other ""one"""', 0.99, 1, right_id => 'an id', right_clk => 'a clk')
WHERE left_record::int < 205 ORDER BY left_record;
-- nothing to compare
CREATE TABLE nothing (record_id text, clk clk);
SELECT count(*) FROM dice_join('nothing', 'l', 0.5);
SELECT count(*) FROM dice_join('l', 'nothing', 0.5);
SELECT count(*) FROM dice_join('nothing', NULL, 0.5);
INSERT INTO nothing VALUES ('1', NULL), ('2', decode(repeat('00', 40), 'hex')::clk), ('3', decode(repeat('00', 40), 'hex')::clk);
SELECT count(*) FROM dice_join('nothing', NULL, 0.0001);
SELECT count(*) FROM dice_join('nothing', 'l', 0.0001);
-- refused by name
SELECT * FROM dice_join('l', 'r', 0);
SELECT * FROM dice_join('l', 'r', 1.0001);
SELECT * FROM dice_join('l', 'r', 'NaN');
SELECT * FROM dice_join('l', 'r', NULL);
SELECT * FROM dice_join('l', 'r', 0.5, 0);
SELECT * FROM dice_join('l', 'r', 0.5, 1001);
SELECT * FROM dice_join(NULL, 'r', 0.5);
SELECT * FROM dice_join('l', 'person', 0.5);
SELECT * FROM dice_join('l', 'person', 0.5, right_id => 'rec_id', right_clk => 'surname');
SELECT * FROM dice_join('l', 'r', 0.5, left_id => 'ctid');
SELECT * FROM dice_join('l', 'r', 0.5, right_block => 'block');
SELECT * FROM dice_join('l', 'r', 0.5, left_block => 'nothing');
SELECT * FROM dice_join('l', 'carried', 0.5, right_clk => 'c');
CREATE TABLE longer AS SELECT record_id, made_up(record_id, '', 41) AS clk FROM l;
SELECT * FROM dice_join('l', 'longer', 0.5);
INSERT INTO nothing VALUES ('2', NULL);
SELECT * FROM dice_join('l', 'nothing', 0.5);
DELETE FROM nothing;
INSERT INTO nothing SELECT NULL, clk FROM l LIMIT 1;
SELECT * FROM dice_join('l', 'nothing', 0.5);
-- with the caller's rights
SET SESSION AUTHORIZATION regress_linker;
SELECT * FROM dice_join('l', 'r', 0.5);
RESET SESSION AUTHORIZATION;
GRANT SELECT ON l, r TO caredata_linker;
ALTER TABLE r ENABLE ROW LEVEL SECURITY;
SET SESSION AUTHORIZATION regress_linker;
SELECT count(*) AS hidden FROM dice_join('l', 'r', 0.5);
RESET SESSION AUTHORIZATION;
-- it can be cancelled
CREATE TABLE big AS SELECT n AS record_id, decode(md5(n::text) || md5(n || 'x'), 'hex')::clk AS clk FROM generate_series(1, 40000) n;
SET work_mem = '64MB';
SET statement_timeout = '300ms';
SELECT count(*) FROM dice_join('big', 'big', 0.3);
RESET statement_timeout;
RESET work_mem;

-- 8. encoding counts towards a quota
SET SESSION AUTHORIZATION regress_guardian;
SELECT set_quota('regress_linker', 'pseudonymise', 7);
SET SESSION AUTHORIZATION regress_linker;
SELECT count(*) FROM encode_clks('example', 'person', 'rec_id');
RESET SESSION AUTHORIZATION;

-- 9. the same CLKs in a database of another encoding
CREATE DATABASE regress_clk_latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c regress_clk_latin
\encoding UTF8
SET client_min_messages = warning;
SET search_path = public, caredata;
CREATE EXTENSION caredata;
SELECT import_compat_secret('example', :'secret_file');
SELECT create_clk_schema('ë', '{"version": 3, "clkConfig": {"l": 1024, "kdf": {"type": "HKDF"}}, "features": [
	{"identifier": "naïve", "format": {"type": "string"}, "hashing": {"comparison": {"type": "ngram", "n": 2}, "strategy": {"bitsPerFeature": 200}}},
	{"identifier": "née", "format": {"type": "enum", "values": ["Ë"]}, "hashing": {"comparison": {"type": "exact"}, "strategy": {"bitsPerFeature": 100}}}]}') IS NOT NULL AS made;
-- an enum of one value is too little for a project: make it one afterwards
UPDATE clk_feature SET format = 'string' WHERE ordinal = 2;
SELECT create_clk_project('é', 'ë', 'test', CURRENT_DATE + 2, 'example', accept => ARRAY['short secret', 'unhardened']);
UPDATE clk_project SET approved_at = now(), approved_by = '{regress_guardian}';
UPDATE clk_feature SET format = 'enum' WHERE ordinal = 2;
SELECT md5(clk_of('é', '1', 'ZOË', 'Ë')::text) AS latin \gset
SELECT clk_of('é', '1', 'ZOË', 'É');
SELECT * FROM dice_join('é', NULL, 0.5);
\c regress_clk
\encoding UTF8
SET client_min_messages = warning;
SELECT create_clk_schema('same', '{"version": 3, "clkConfig": {"l": 1024, "kdf": {"type": "HKDF"}}, "features": [
	{"identifier": "one", "format": {"type": "string"}, "hashing": {"comparison": {"type": "ngram", "n": 2}, "strategy": {"bitsPerFeature": 200}}},
	{"identifier": "two", "format": {"type": "string"}, "hashing": {"comparison": {"type": "exact"}, "strategy": {"bitsPerFeature": 100}}}]}') AS same \gset
UPDATE clk_project SET schema_id = :same WHERE name = 'example';
SELECT md5(clk_of('example', '1', 'ZOË', 'Ë')::text) = :'latin' AS same_in_utf8;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_clk_latin;
DROP DATABASE regress_clk;
DROP ROLE regress_author, regress_guardian, regress_both, regress_linker, regress_auditor, regress_nobody;
