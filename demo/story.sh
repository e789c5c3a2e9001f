# The demo's story: what each person does, in SQL, and what the server answers.
#
# Sourced by run, which has a server running in $work.  Every statement shown
# is the one that is run; every answer is the server's.

connect="psql -h $work -d care"
extract=$work/extract

if [ -t 1 ]; then
	strong=$'\033[1m'; quiet=$'\033[2m'; plain=$'\033[0m'
else
	strong=; quiet=; plain=
fi

chapter() { printf '\n%s%s%s\n\n' "$strong" "$*" "$plain"; }

# Prose, wrapped as a terminal likes it.
tell() { printf '%s\n' "$*" | fold -s -w 78 | sed 's/ *$//'; printf '\n'; }

psql_as()
{
	local person=$1; shift
	as_user "$pg_bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$work" -U "$person" -d care "$@"
}

show()
{
	sed "1s/^/$1=> /; 2,\$s/^/$(printf '%*s' $((${#1} + 3)) '')/" <<<"$2"
}

# ask PERSON: show the statement on standard input, run it, show the answer.
ask()
{
	local person=$1 statement answer status

	statement=$(cat)
	show "$person" "$statement"
	answer=$(psql_as "$person" ${2:-} -c "$statement" 2>&1)
	status=$?
	[ -z "$answer" ] || printf '%s\n' "$answer"
	printf '\n'
	[ $status = 0 ] || { say "that should have worked"; exit 1; }
}

# did PERSON: the same, where the answer is an empty one.
did() { ask "$1" "-o /dev/null"; }

# refused PERSON: the same, for a statement that must fail.
refused()
{
	local person=$1 statement answer

	statement=$(cat)
	show "$person" "$statement"
	if answer=$(psql_as "$person" -c "$statement" 2>&1); then
		printf '%s\n' "$answer"
		say "that should have been refused"
		exit 1
	fi
	printf '%s\n\n' "$answer"
}

# value PERSON STATEMENT: one value, for the story's own use.
value() { psql_as "$1" -A -t -c "$2"; }

# land PERSON TABLE COLUMNS FILE OPTIONS
land()
{
	local columns=${3//,/, }

	[ ${#columns} -le 60 ] || columns="${columns%%,*}, ..., ${columns##*, }"
	printf '%s=> \\copy %s (%s) FROM %s (%s)\n' "$1" "$2" "$columns" "${4##*/}" "$5"
	psql_as "$1" -c "COPY $2 ($3) FROM STDIN WITH ($5)" <"$4" >/dev/null ||
		{ say "that should have worked"; exit 1; }
}

tell_story()
{
	make_database
	load_reference
	make_extract
	load_settings
	import_national_opt_outs
	agree
	compare_pseudonyms
	ask_questions
	object
	refuse
}

make_database()
{
	chapter '1. An ordinary database becomes a care database'
	as_user "$pg_bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$work" -U postgres -d postgres \
		-c 'CREATE ROLE dba LOGIN SUPERUSER' -c 'CREATE DATABASE care OWNER dba' || exit 1
	tell "The master key is a file that only the server reads: $work/master.key. The DBA installs the extension."
	ask dba <<-'SQL'
		CREATE EXTENSION caredata;
	SQL
	did dba <<-'SQL'
		SELECT caredata.create_care_database();
	SQL
	tell 'Seven people have logins. What they may do comes from the roles they are granted.'
	ask dba <<-'SQL'
		CREATE ROLE loader LOGIN IN ROLE caredata_loader;
		CREATE ROLE linker LOGIN IN ROLE caredata_linker;
		CREATE ROLE admin LOGIN IN ROLE caredata_admin;
		CREATE ROLE guardian LOGIN IN ROLE caredata_guardian;
		CREATE ROLE alice LOGIN;
		CREATE ROLE bob LOGIN;
	SQL
}

load_reference()
{
	local file table

	tell 'Practices, commissioners, providers, areas and code lists are published facts.'
	for table in commissioner practice practice_commissioner provider code_list lsoa; do
		file=$work/src/demo/data/$table.csv
		land dba "care.$table" "$(head -n 1 "$file")" "$file" 'FORMAT csv, HEADER'
	done
	printf '\n'
}

make_extract()
{
	chapter '2. Extract files arrive'
	tell "A generator makes up $people people in the practices of the six care.data pathfinder commissioners, with their GP, hospital, community and social care records, two financial years, errors included. No NHS number of it was ever issued."
	as_user mkdir "$extract"
	printf '$ demo/generate_extract --people %s extract\n' "$people"
	as_user "$work/src/demo/generate_extract" --people "$people" "$extract" || exit 1
	printf '\n$ head -n 3 extract/social_care_event.psv\n'
	head -n 3 "$extract/social_care_event.psv"
}

load_settings()
{
	local dataset file options

	chapter '3. The files are landed as text, then loaded'
	tell 'A load validates every field, quarantines what cannot be right, links each record to a person, and stores it without identifiers.'
	for dataset in gp_registration gp_event gp_prescription apc_episode op_attendance \
		ed_attendance community_contact social_care_event death; do
		file=$extract/$dataset.csv
		options='FORMAT csv, HEADER'
		if [ ! -f "$file" ]; then
			file=$extract/$dataset.psv
			options="FORMAT csv, HEADER, DELIMITER '|'"
		fi
		land loader "care_landing.$dataset" "$(head -n 1 "$file" | tr '|' ',')" "$file" "$options"
		ask loader <<-SQL
			CALL caredata.load('$dataset', '${file##*/}');
		SQL
	done
	tell 'Every landed row is accounted for: landed = stored + quarantined + withheld.'
	ask loader <<-'SQL'
		SELECT dataset, landed, stored, quarantined, withheld, balanced, new_persons
		FROM caredata.load_balance
		ORDER BY load_id;
	SQL
	tell 'How each distinct set of identifiers found its person. One that matched nobody founded a person, as did one that fitted several persons equally well.'
	ask linker <<-'SQL'
		SELECT i.link_rank, coalesce(r.title, 'nobody: a new person') AS matched_on,
		       i.ambiguous, count(*) AS identities
		FROM care_identity.identity i
		LEFT JOIN caredata.link_rank r ON r.rank = i.link_rank
		GROUP BY i.link_rank, r.title, i.ambiguous
		ORDER BY i.link_rank, i.ambiguous;
	SQL
	tell 'Identifiers that could not be used were treated as missing, and counted:'
	ask loader <<-'SQL'
		SELECT column_name, reason, sum(rows) AS rows
		FROM caredata.load_quality
		GROUP BY column_name, reason
		ORDER BY rows DESC;
	SQL
	tell 'Why rows were quarantined (the value itself is never in the reason), and why sound rows were not stored: GP events that record an objection are kept apart and never become care records.'
	ask loader <<-'SQL'
		SELECT dataset, reason, count(*) AS rows
		FROM care_landing.quarantine, unnest(reasons) AS reason
		GROUP BY dataset, reason
		ORDER BY rows DESC, dataset, reason
		LIMIT 12;
	SQL
	ask loader <<-'SQL'
		SELECT reason, sum(rows) AS rows
		FROM caredata.load_withheld
		GROUP BY reason
		ORDER BY rows DESC;
	SQL
}

import_national_opt_outs()
{
	local request

	chapter '4. Objections'
	tell 'Type 1 and Type 2 objections came with the GP events. The national data opt-out is asked for: the linker sends the NHS numbers and gets back those that may be used. (The national service is played by grep.)'
	request=$(value linker 'SELECT caredata.request_national_list()') || exit 1
	printf 'linker=> SELECT caredata.request_national_list();\nrequest %s is recorded\n' "$request"
	printf 'linker=> \\copy (SELECT caredata.national_list_lines(%s)) TO to_send.dat\n' "$request"
	value linker "SELECT caredata.national_list_lines($request)" >"$work/to_send.dat" || exit 1
	printf '$ grep -v -f opted_out to_send.dat >returned.dat\n'
	awk 'NR == FNR { opted[$1]; next } !(substr($0, 1, 10) in opted)' \
		"$extract/national_opt_out.csv" "$work/to_send.dat" >"$work/returned.dat"
	printf '%s numbers sent, %s came back\n' "$(grep -c . "$work/to_send.dat")" "$(grep -c . "$work/returned.dat")"
	land loader care_landing.national_list nhs_number "$work/returned.dat" "FORMAT text"
	ask linker <<-SQL
		SELECT caredata.import_national_list($request) AS withheld;
	SQL
	ask guardian <<-'SQL'
		SELECT * FROM caredata.objection_summary();
	SQL
}

agree()
{
	local print_1 print_2

	chapter '5. Two agreements, two releases'
	tell 'A release is one purpose of one agreement: a schema of views, a reader role and a pseudonym domain of its own. The administrator drafts one for the commissioners of Leeds ...'
	ask admin <<-'SQL'
		SELECT caredata.create_agreement('DSA-0001', 'Commissioning of emergency and community care',
		    '15F', 'NHS Leeds CCG', CURRENT_DATE - 30, CURRENT_DATE + 335) AS agreement;
	SQL
	ask admin <<-'SQL'
		SELECT caredata.create_release(1, 'leeds', 'Plan emergency and community care in Leeds',
		    'public_task',
		    population_kind => 'commissioner', population_codes => '{02V,03C,03G}') AS release;
	SQL
	ask admin <<-'SQL'
		SELECT count(caredata.permit_dataset(1, dataset)) AS datasets
		FROM unnest('{person,gp_registration,gp_event,apc_episode,op_attendance,ed_attendance,
		              community_contact,social_care_event}'::name[]) AS dataset;
	SQL
	tell '... and one for a research team, everywhere, with fewer datasets and columns, dates of birth as age bands, and an approval to set aside the national data opt-out.'
	ask admin <<-'SQL'
		SELECT caredata.create_agreement('DSA-0002', 'COPD before and after emergency admission',
		    'RES01', 'University of Somewhere', CURRENT_DATE - 30, CURRENT_DATE + 335) AS agreement;
	SQL
	ask admin <<-'SQL'
		SELECT caredata.create_release(2, 'copd_study', 'Study of COPD and emergency admission',
		    'section_251', exemption => 'cag_waiver', exemption_evidence => 'made-up letter 21/CAG/0000', exemption_document => repeat('0', 64), exemption_ends_on => '2099-03-31') AS release;
	SQL
	did admin <<-'SQL'
		SELECT caredata.permit_dataset(2, 'person', '{sex,practice_code}'),
		       caredata.permit_column(2, 'person', 'birth_year', 'age_band'),
		       caredata.permit_dataset(2, 'gp_event', '{date,code,scheme}'),
		       caredata.permit_dataset(2, 'apc_episode', '{epikey,admimeth,epiorder,diag_01}'),
		       caredata.permit_column(2, 'apc_episode', 'admidate', 'month');
	SQL
	tell 'Nothing exists yet but paper, and the administrator cannot approve it.'
	refused admin <<-'SQL'
		SELECT caredata.approve_release(1);
	SQL
	tell 'The guardian takes the fingerprints of the drafts, reads them, and approves what those are the fingerprints of.'
	ask guardian <<-'SQL'
		SELECT r AS release, caredata.release_fingerprint(r) FROM generate_series(1, 2) AS r;
	SQL
	print_1=$(value guardian 'SELECT caredata.release_fingerprint(1)')
	print_2=$(value guardian 'SELECT caredata.release_fingerprint(2)')
	ask guardian <<-'SQL'
		SELECT column_name, treatment, shown_as FROM caredata.release_columns(2) WHERE dataset <> 'gp_event';
	SQL
	did guardian <<-SQL
		SELECT caredata.approve_release(1, '$print_1'),
		       caredata.approve_release(2, '$print_2');
	SQL
	did admin <<-'SQL'
		SELECT caredata.activate_release(1), caredata.activate_release(2);
	SQL
	ask dba <<-'SQL'
		GRANT leeds_reader TO alice;
		GRANT copd_study_reader TO bob;
	SQL
	tell 'Which objections withhold what, by release and setting: the table of rules decides, and every rule has its citation.'
	ask guardian <<-'SQL'
		SELECT r.release, s.setting, caredata.applying_kinds(r.release_id, s.setting) AS objections_that_apply
		FROM caredata.release_register() r,
		     unnest('{gp,hospital,community,social_care}'::text[]) AS s(setting)
		ORDER BY r.release_id, s.setting;
	SQL
	ask alice <<-'SQL'
		SELECT (SELECT count(*) FROM leeds.person) AS people,
		       (SELECT count(DISTINCT pid) FROM leeds.gp_registration) AS with_gp_record;
	SQL
	ask bob <<-'SQL'
		SELECT count(*) AS people FROM copd_study.person;
	SQL
}

compare_pseudonyms()
{
	chapter '6. The same person, two pseudonyms'
	tell 'Only a superuser, who can read everything anyway, can put the two side by side: Alice and Bob have no number in common.'
	ask dba <<-'SQL'
		SELECT caredata.pid(person_id, '1') AS for_alice, caredata.pid(person_id, '2') AS for_bob
		FROM care.person ORDER BY person_id LIMIT 3;
	SQL
	ask alice <<-'SQL'
		SELECT * FROM leeds.person LIMIT 3;
	SQL
	ask bob <<-'SQL'
		SELECT * FROM copd_study.person LIMIT 3;
	SQL
}

ask_questions()
{
	chapter "7. Five questions of a commissioner"
	tell 'Alice writes plain SQL on the views of her release. Counts pass through disclosed_count(), the small-number rule of hospital episode statistics: 1 to 7 is *, the rest is rounded to 5.'

	tell 'Emergency readmission within 30 days of discharge, by provider:'
	ask alice <<-'SQL'
		WITH discharge AS (
		    SELECT pid, procode3, disdate
		    FROM leeds.apc_episode
		    WHERE last_episode_in_spell AND classpat = '1' AND dismeth IN ('1', '2', '3')
		      AND disdate < '2018-03-01'
		), emergency AS (
		    SELECT pid, admidate
		    FROM leeds.apc_episode
		    WHERE epiorder = 1 AND admimeth LIKE '2%'
		)
		SELECT v.name AS provider,
		       disclosed_count(count(*)) AS discharges,
		       disclosed_count(count(*) FILTER (WHERE EXISTS (
		           SELECT FROM emergency e
		           WHERE e.pid = d.pid AND e.admidate - d.disdate BETWEEN 0 AND 29))) AS readmitted
		FROM discharge d
		JOIN care.provider v ON v.provider_code = d.procode3
		GROUP BY v.name
		ORDER BY count(*) DESC;
	SQL

	tell 'A&E attendances by practice per 1,000 registered people, 2017/18:'
	ask alice <<-'SQL'
		WITH registered AS (
		    SELECT practice, count(DISTINCT pid) AS people
		    FROM leeds.gp_registration
		    WHERE registration_start <= '2017-10-01'
		      AND coalesce(registration_end, 'infinity') >= '2017-10-01'
		    GROUP BY practice
		), attended AS (
		    SELECT r.practice, count(*) AS attendances
		    FROM leeds.ed_attendance e
		    JOIN leeds.gp_registration r ON r.pid = e.pid
		     AND e.arrivaldate BETWEEN r.registration_start AND coalesce(r.registration_end, 'infinity')
		    WHERE e.attendance_category = '1' AND e.arrivaldate BETWEEN '2017-04-01' AND '2018-03-31'
		    GROUP BY r.practice
		)
		SELECT p.name AS practice, disclosed_count(people) AS people,
		       disclosed_count(attendances) AS attendances,
		       round(1000 * nullif(disclosed_count(attendances), '*')::numeric
		                  / nullif(disclosed_count(people), '*')::numeric) AS per_1000
		FROM registered
		JOIN attended USING (practice)
		JOIN care.practice p ON p.practice_code = practice
		ORDER BY per_1000 DESC NULLS LAST
		LIMIT 8;
	SQL

	tell 'Long-term conditions in the GP record, joined to emergency admissions in the following year:'
	ask alice <<-'SQL'
		WITH condition AS (
		    SELECT DISTINCT e.pid, c.code_list AS condition
		    FROM leeds.gp_event e
		    JOIN care.code_list c ON c.scheme = e.scheme AND c.code = e.code
		    WHERE c.code_list IN ('COPD', 'type 2 diabetes', 'heart failure', 'hypertension', 'dementia')
		      AND e.date < '2017-04-01'
		), emergency AS (
		    SELECT pid, count(*) AS admissions
		    FROM leeds.apc_episode
		    WHERE epiorder = 1 AND admimeth LIKE '2%' AND admidate BETWEEN '2017-04-01' AND '2018-03-31'
		    GROUP BY pid
		)
		SELECT condition, disclosed_count(count(*)) AS people,
		       disclosed_count(count(admissions)) AS admitted,
		       disclosed_count(coalesce(sum(admissions), 0)::bigint) AS admissions
		FROM condition
		LEFT JOIN emergency USING (pid)
		GROUP BY condition
		ORDER BY sum(admissions) / count(*) DESC NULLS LAST;
	SQL

	tell 'Frequent attenders: five or more unplanned attendances in any 365 days.'
	ask alice <<-'SQL'
		WITH attendance AS (
		    SELECT pid, count(*) OVER year AS in_a_year
		    FROM leeds.ed_attendance
		    WHERE attendance_category = '1'
		    WINDOW year AS (PARTITION BY pid ORDER BY arrivaldate
		                    RANGE BETWEEN '364 days' PRECEDING AND CURRENT ROW)
		), person AS (
		    SELECT pid, count(*) AS attendances, max(in_a_year) >= 5 AS frequent
		    FROM attendance
		    GROUP BY pid
		)
		SELECT frequent, disclosed_count(count(*)) AS people,
		       disclosed_count(sum(attendances)::bigint) AS attendances
		FROM person
		GROUP BY frequent
		ORDER BY frequent;
	SQL

	tell 'Emergency discharge at 65 or over, followed by social care within 28 days:'
	ask alice <<-'SQL'
		WITH discharge AS (
		    SELECT pid, disdate
		    FROM leeds.apc_episode
		    WHERE last_episode_in_spell AND admimeth LIKE '2%' AND dismeth IN ('1', '2', '3')
		      AND startage BETWEEN 65 AND 120
		), package AS (
		    SELECT DISTINCT ON (d.pid, d.disdate) d.pid, d.disdate,
		           s.event_start_date - d.disdate AS days, s.service_type
		    FROM discharge d
		    JOIN leeds.social_care_event s ON s.pid = d.pid
		     AND s.event_start_date - d.disdate BETWEEN 0 AND 28
		    WHERE s.event_type = 'Service'
		    ORDER BY d.pid, d.disdate, s.event_start_date
		)
		SELECT coalesce(service_type, 'none within 28 days') AS social_care,
		       disclosed_count(count(*)) AS discharges,
		       CASE WHEN count(*) > 7
		            THEN percentile_disc(0.5) WITHIN GROUP (ORDER BY days) END AS median_days
		FROM discharge
		LEFT JOIN package USING (pid, disdate)
		GROUP BY service_type
		ORDER BY count(*) DESC;
	SQL

	tell 'A join on the pseudonym is planned as a join on the integer behind it; no pseudonym is computed for it.'
	ask alice <<-'SQL'
		EXPLAIN (COSTS OFF)
		SELECT count(*)
		FROM leeds.ed_attendance e
		JOIN leeds.person p ON p.pid = e.pid
		WHERE p.ethnic_category = 'J';
	SQL
}

# A second connection of Alice's, which stays open.
open_second()
{
	coproc SECOND { psql_as alice 2>&1; }
}

ask_second()
{
	local statement line

	statement=$(cat)
	show 'alice, other connection' "$statement"
	printf '%s\n\\echo (end)\n' "$statement" >&"${SECOND[1]}"
	while IFS= read -r line <&"${SECOND[0]}"; do
		[ "$line" != '(end)' ] || break
		printf '%s\n' "$line"
	done
}

object()
{
	local busiest pid number

	chapter '8. A patient objects'
	busiest='SELECT pid, count(*) AS attendances
FROM leeds.ed_attendance
GROUP BY pid
ORDER BY attendances DESC, pid
LIMIT 3;'
	tell 'Two connections of Alice see the people with most A&E attendances.'
	open_second
	ask alice <<<"$busiest"
	ask_second <<<"$busiest"
	pid=$(value alice "SELECT pid FROM ($(sed 's/;$//' <<<"$busiest")) AS b LIMIT 1")
	number=$(value dba "SELECT i.nhs_number FROM care_identity.identity i
		WHERE caredata.pid(i.person_id, '1') = '$pid' AND i.nhs_number IS NOT NULL LIMIT 1")
	[ -n "$number" ] || { say "the person has no NHS number"; exit 1; }
	tell 'The person behind the first row objects to any use but direct care. (The NHS number is made up. An application passes it as a parameter, so that it is in no log.)'
	ask guardian <<-SQL
		SELECT caredata.record_objection('$number', 'local', reference => 'letter of today') AS objection;
	SQL
	tell 'From the next statement on, on every connection:'
	ask alice <<<"$busiest"
	ask_second <<<"$busiest"
	ask_second <<<"SELECT count(*) AS rows_of_that_person FROM leeds.ed_attendance WHERE pid = '$pid';"
	eval "exec ${SECOND[1]}>&-"
	wait "$SECOND_PID" 2>/dev/null
}

refuse()
{
	chapter '9. What is refused'
	tell 'A care table, the identities, and a pseudonym made by hand:'
	refused alice <<-'SQL'
		SELECT * FROM care.apc_episode;
	SQL
	refused alice <<-'SQL'
		SELECT * FROM care_identity.identity;
	SQL
	refused alice <<-'SQL'
		SELECT caredata.pid(1, '1');
	SQL
	tell 'The release of somebody else:'
	refused bob <<-'SQL'
		SELECT * FROM leeds.person;
	SQL
	tell 'An agreement that has come to its end. The demo cannot wait for that, so the DBA moves the last day of the research release to yesterday.'
	ask dba <<-'SQL'
		UPDATE caredata.release SET ends_on = CURRENT_DATE - 1 WHERE name = 'copd_study';
	SQL
	refused bob <<-'SQL'
		SELECT count(*) FROM copd_study.person;
	SQL
	tell 'So that Bob can be tried out, the DBA moves it back.'
	ask dba <<-'SQL'
		UPDATE caredata.release SET ends_on = CURRENT_DATE + 335 WHERE name = 'copd_study';
	SQL
}
