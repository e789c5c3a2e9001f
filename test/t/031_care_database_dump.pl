# A care database goes through pg_dump and comes back as it was: the catalogue
# of datasets (with one that a DBA added) matches the tables, the tables are
# still under row security with the same privileges, and new years can be made.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dump = "$PostgreSQL::Test::Utils::tmp_check/care.sql";

sub new_cluster
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'caredata'");
	$node->start;
	return $node;
}

# Everything that must survive, as text.
my $catalogue = q{
	SELECT * FROM caredata.dataset ORDER BY dataset;
	SELECT * FROM caredata.dataset_column ORDER BY dataset, position;
	SELECT reference, landed, stored, withheld, quarantined FROM caredata.reference_load ORDER BY reference_load_id;
	SELECT * FROM care.code_list ORDER BY code_list, scheme, code;
	SELECT * FROM care.practice ORDER BY practice_code;
	SELECT tableoid::regclass, * FROM care.gp_event ORDER BY event_id;
	SELECT c.oid::regclass, c.relkind, c.relrowsecurity, c.relforcerowsecurity,
		   pg_get_userbyid(c.relowner), pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid),
		   (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(coalesce(c.relacl, acldefault('r', c.relowner))) a)
	FROM pg_class c
	WHERE c.relnamespace::regnamespace::text IN ('care', 'care_landing', 'care_identity') AND c.relkind IN ('r', 'p')
	ORDER BY c.oid::regclass::text COLLATE "C";
	SELECT a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
		   a.attcollation, col_description(a.attrelid, a.attnum)
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace::regnamespace::text IN ('care', 'care_landing', 'care_identity') AND c.relkind IN ('r', 'p')
	  AND a.attnum > 0
	ORDER BY a.attrelid::regclass::text COLLATE "C", a.attnum;
	SELECT pg_get_indexdef(x.indexrelid) FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
	WHERE c.relnamespace::regnamespace::text IN ('care', 'care_identity') ORDER BY 1;
	SELECT p.oid::regprocedure, (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(p.proacl) a)
	FROM pg_proc p WHERE p.pronamespace = 'caredata'::regnamespace ORDER BY p.oid::regprocedure::text COLLATE "C";
	SELECT n.nspname, n.nspacl, obj_description(n.oid) FROM pg_namespace n WHERE n.nspname LIKE 'care%' ORDER BY 1;
	SHOW search_path;
};

my $old = new_cluster('old');
$old->safe_psql('postgres', 'CREATE DATABASE care');
$old->safe_psql('care',
	'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');
$old->safe_psql(
	'care', q{
	SELECT caredata.define_dataset('screening', 'hospital', 'Screening', '{site,k}', 'Made by a DBA', 'seen_on', 'seen_on');
	SELECT caredata.define_dataset_column('screening', 'site', 'text', 'Site', role => 'source_organisation', format => 'ods', mandatory => true);
	SELECT caredata.define_dataset_column('screening', 'k', 'text', 'Key', mandatory => true);
	SELECT caredata.define_dataset_column('screening', 'n', 'nhs_number', 'NHS number', role => 'nhs_number');
	SELECT caredata.define_dataset_column('screening', 'invited_on', 'date', 'Invited');
	SELECT caredata.define_dataset_column('screening', 'seen_on', 'date', 'Seen', not_before => 'invited_on', treatment => 'month');
	SELECT caredata.create_dataset('screening');
	SELECT caredata.define_dataset('unfinished', 'gp', 'Not made yet', '{k}', 'Has no tables');
	SELECT caredata.ensure_partitions('gp_event', '2021-04-01', '2024-03-31');
	INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
	SELECT n, 'A81001', 'e' || n, date '2020-01-01' + n * 200, 'H33..', 'readv2' FROM generate_series(1, 9) n;
	INSERT INTO care_landing.epraccur (organisation_code, name, status_code) VALUES ('A81001', 'X', 'A'), ('V81997', 'Y', 'A');
	CALL caredata.load_practices();
	-- a cluster may have objects of its own that say who may see them
	ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
});
my $before = $old->safe_psql('care', $catalogue);

# Within a cluster, where the roles are there already.
$old->command_ok([ 'pg_dump', '-d', 'care', '-f', $dump ], 'dumped');
$old->safe_psql('postgres', 'CREATE DATABASE again');
$old->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'again', '-f', $dump ],
	'restored beside the original');
$old->safe_psql('postgres',
	'ALTER DATABASE again SET search_path = "$user", public, caredata');
is($old->safe_psql('again', $catalogue), $before, 'and is the same');

# Into a new cluster, the roles first.
my $roles = "$PostgreSQL::Test::Utils::tmp_check/roles.sql";
$old->command_ok([ 'pg_dumpall', '--roles-only', '-f', $roles ],
	'roles dumped');
my $user = $old->safe_psql('postgres', 'SELECT current_user');
my $text = slurp_file($roles);
$text =~ s/^(CREATE|ALTER) ROLE "?\Q$user\E"?[ ;].*$//mg;
append_to_file("$roles.others", $text);
$old->command_ok([ 'pg_dump', '-C', '-d', 'care', '-f', $dump ],
	'dumped with the database itself');

my $new = new_cluster('new');
$new->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', "$roles.others" ],
	'roles restored');
$new->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', $dump ],
	'restored into a new cluster');
is($new->safe_psql('care', $catalogue), $before, 'and is the same');
is( $new->safe_psql(
		'care',
		q{SELECT count(*) FILTER (WHERE has_function_privilege('public', f, 'EXECUTE')), count(*) > 20
		  FROM caredata.counting_functions() f}),
	'0|t',
	'what counts rows is closed in the restored database');

# It goes on as a care database.
my ($status, undef, $error) =
  $new->psql('care', 'SELECT caredata.create_care_database()');
isnt($status, 0, 'it is not made a second time');
like($error, qr/this database is already a care database/, 'and it says why');
is( $new->safe_psql(
		'care',
		"SELECT caredata.ensure_partitions('screening', '2024-04-01', '2024-04-01')"
	),
	1,
	'a year is made for the dataset that the DBA added');
is( $new->safe_psql(
		'care',
		q{SELECT c.relrowsecurity AND c.relforcerowsecurity AND NOT has_table_privilege('caredata_auditor', c.oid, 'SELECT')
		  FROM pg_class c WHERE c.oid = 'care.screening_2024_25'::regclass}),
	't',
	'and is locked, whatever the default privileges are');
is( $new->safe_psql(
		'care',
		q{SELECT caredata.define_dataset_column('unfinished', 'k', 'text', 'Key', mandatory => true);
		  SELECT position FROM caredata.dataset_column WHERE dataset = 'unfinished'}),
	"\n1",
	'a definition that was not finished can be finished');
$new->safe_psql(
	'care', q{
	INSERT INTO care_landing.epraccur (organisation_code, name, status_code) VALUES ('A81001', 'X', 'A');
	CALL caredata.load_practices();
	SELECT caredata.grant_roles();
});
is( $new->safe_psql(
		'care',
		'SELECT reference_load_id, withheld FROM caredata.reference_load ORDER BY 1'
	),
	"1|0\n2|1",
	'loads are numbered on');

$old->stop;
$new->stop;
done_testing();
