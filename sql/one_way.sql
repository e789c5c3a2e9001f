-- ---------------------------------------------------------------------------
-- Pseudonyms for tables that the extension did not make: one-way over several
-- fields, and reversible over one number. By name of the domain, for superusers
-- and caredata_linker; a reader of a release, who could try guesses, has no
-- way in. docs/reference-pseudonyms.md says when to use which.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.pseudonym_of(domain name, VARIADIC fields "any")
	RETURNS caredata.pseudonym
	LANGUAGE c STABLE PARALLEL SAFE COST 25
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_of';
REVOKE ALL ON FUNCTION caredata.pseudonym_of(name, "any") FROM PUBLIC;
COMMENT ON FUNCTION caredata.pseudonym_of(name, "any") IS
	'One-way pseudonym of pairs of kind and value; kinds are nhs_number, date, postcode, sex, text, exact, with ? for optional. NULL when a mandatory value is missing or cannot be read; for superusers and caredata_linker';

CREATE FUNCTION caredata.pid_of(number caredata.nhs_number, domain name)
	RETURNS caredata.pseudonym
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'caredata_pid_of_nhs_number';
REVOKE ALL ON FUNCTION caredata.pid_of(caredata.nhs_number, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.pid_of(caredata.nhs_number, name) IS
	'Reversible pseudonym of an NHS number in a domain; never equal to a pid() or to that of another number; for superusers and caredata_linker';

CREATE FUNCTION caredata.pid_of(number bigint, domain name)
	RETURNS caredata.pseudonym
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'caredata_pid_of_bigint';
REVOKE ALL ON FUNCTION caredata.pid_of(bigint, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.pid_of(bigint, name) IS
	'Reversible pseudonym of a number in a domain; never equal to a pid() or to that of an NHS number; for superusers and caredata_linker';

-- The ways back: granted to nobody, and refused to everybody but superusers.
CREATE FUNCTION caredata.nhs_number_of(pseudonym caredata.pseudonym, domain name)
	RETURNS caredata.nhs_number
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_of';
REVOKE ALL ON FUNCTION caredata.nhs_number_of(caredata.pseudonym, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.nhs_number_of(caredata.pseudonym, name) IS
	'Reverse of pid_of(nhs_number), NULL for a pseudonym of another domain or sort and for a forged one; for superusers only';

CREATE FUNCTION caredata.number_of(pseudonym caredata.pseudonym, domain name)
	RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'caredata_number_of';
REVOKE ALL ON FUNCTION caredata.number_of(caredata.pseudonym, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.number_of(caredata.pseudonym, name) IS
	'Reverse of pid_of(bigint), NULL for a pseudonym of another domain or sort and for a forged one; for superusers only';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.pseudonym_of(name,"any")'),
	('caredata_linker', 'caredata.pid_of(caredata.nhs_number,name)'),
	('caredata_linker', 'caredata.pid_of(bigint,name)');

