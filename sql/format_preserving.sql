-- ---------------------------------------------------------------------------
-- Format-preserving pseudonyms: FF1 of NIST SP 800-38G, and ten digits that
-- look like an NHS number and never are one. docs/reference-pseudonyms.md says
-- when to use them. The functions that go back are granted to nobody, and run
-- with the rights of a superuser only.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.fpe_encrypt(value text, radix integer, tweak bytea,
									 release caredata.release_ref)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_fpe_encrypt_by_handle';
REVOKE ALL ON FUNCTION caredata.fpe_encrypt(text, integer, bytea, caredata.release_ref) FROM PUBLIC;
COMMENT ON FUNCTION caredata.fpe_encrypt(text, integer, bytea, caredata.release_ref) IS
	'Enciphers a text of digits 0-9a-z of a radix into another of the same length (FF1), with the key of a release; for members of its reader role, in views of a DBA';

CREATE FUNCTION caredata.fpe_encrypt(value text, radix integer, tweak bytea, domain name)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_fpe_encrypt_by_name';
REVOKE ALL ON FUNCTION caredata.fpe_encrypt(text, integer, bytea, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.fpe_encrypt(text, integer, bytea, name) IS
	'Enciphers a text of digits 0-9a-z of a radix into another of the same length (FF1), with the key of a domain; for superusers and caredata_linker';

CREATE FUNCTION caredata.fpe_decrypt(value text, radix integer, tweak bytea, domain name)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_fpe_decrypt';
REVOKE ALL ON FUNCTION caredata.fpe_decrypt(text, integer, bytea, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.fpe_decrypt(text, integer, bytea, name) IS
	'Reverse of fpe_encrypt(); for superusers only. Any text of the right form gives a value, also a forged one';

CREATE FUNCTION caredata.fpe_decrypt(value text, radix integer, tweak bytea, domain name, generation integer)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_fpe_decrypt';
REVOKE ALL ON FUNCTION caredata.fpe_decrypt(text, integer, bytea, name, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.fpe_decrypt(text, integer, bytea, name, integer) IS
	'The same for what an older generation of the key made, which must not be closed: the text does not tell which';

CREATE FUNCTION caredata.nhs_like(number caredata.nhs_number, release caredata.release_ref)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_nhs_like_by_handle';
REVOKE ALL ON FUNCTION caredata.nhs_like(caredata.nhs_number, caredata.release_ref) FROM PUBLIC;
COMMENT ON FUNCTION caredata.nhs_like(caredata.nhs_number, caredata.release_ref) IS
	'Ten digits that stand for an NHS number and, by a wrong check digit, never are one, with the key of a release; for members of its reader role, in views of a DBA';

CREATE FUNCTION caredata.nhs_like(number caredata.nhs_number, domain name)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_nhs_like_by_name';
REVOKE ALL ON FUNCTION caredata.nhs_like(caredata.nhs_number, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.nhs_like(caredata.nhs_number, name) IS
	'Ten digits that stand for an NHS number and, by a wrong check digit, never are one, with the key of a domain; for superusers and caredata_linker';

CREATE FUNCTION caredata.nhs_number_of_like(digits text, domain name)
	RETURNS caredata.nhs_number
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_of_like';
REVOKE ALL ON FUNCTION caredata.nhs_number_of_like(text, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.nhs_number_of_like(text, name) IS
	'Reverse of nhs_like(), NULL for what it never makes; for superusers only. Nine of ten made-up texts with the right last digit give some NHS number';

CREATE FUNCTION caredata.nhs_number_of_like(digits text, domain name, generation integer)
	RETURNS caredata.nhs_number
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_of_like';
REVOKE ALL ON FUNCTION caredata.nhs_number_of_like(text, name, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.nhs_number_of_like(text, name, integer) IS
	'The same for what an older generation of the key made, which must not be closed: the digits do not tell which';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.fpe_encrypt(text,integer,bytea,name)'),
	('caredata_linker', 'caredata.nhs_like(caredata.nhs_number,name)');

