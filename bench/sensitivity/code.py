"""Pieces of source text in several languages that hold no secret, for the corpora of false alarms.

Code that handles passwords, keys and tokens is most of what a scanner of code gets wrong: it names them,
takes them from the environment, compares them and documents them, and holds none. «Places» are filled by
`corpora`.
"""

LANGUAGES: dict[str, tuple[str, ...]] = {
    "Python": (
        'password = os.environ["«service»_PASSWORD"]',
        "def «verb»_«noun»(user: str, password: str, retries: int = «small») -> None:\n    ...",
        'if not check_password_hash(user.password, form["password"]):\n    raise HTTPException(401)',
        'parser.add_argument("--api-key", default=None, help="key of the «service» service")',
        "from sklearn.datasets import load_diabetes, load_breast_cancer\nX, y = load_diabetes(as_frame=True)",
        'token = request.headers.get("authorization", "").removeprefix("Bearer ")',
        'PATTERN = re.compile(r"^\\d{4}-\\d{4}-\\d{4}-\\d{4}$")',
        'assert mask("«test_card»") == "************"',
        'class «name»Form(Form):\n    password = PasswordField("Password", validators=[DataRequired()])',
        "# Commit «hex40», see issue #«n»\nSEED = «micros»",
    ),
    "TypeScript": (
        "const apiKey = process.env.API_KEY ?? '';",
        "interface Login { email: string; password: string; remember?: boolean }",
        "const «noun»Id: bigint = «snowflake»n;",
        "const { data } = await client.post('«path»', { headers: { Authorization: `Bearer ${token}` } });",
        "it('«verb»s the «noun»', () => { expect(«verb»(«n»)).toBe(«money»); });",
        '<input type="password" name="password" autoComplete="current-password" />',
        "export type Secret = { name: string; value: string; createdAt: «millis» | Date };",
        'import { «name»Card } from "@example/«noun»-card@«version»";',
    ),
    "Rust": (
        "pub fn «verb»_«noun»(secret: &[u8], key: &ApiKey) -> Result<Token> {\n    sign(secret, key)\n}",
        'let password = std::env::var("DB_PASSWORD").context("DB_PASSWORD is not set")?;',
        "const OFFSET_BASIS: u64 = 0x«hex16»;",
        "#[derive(Debug, Clone)]\nstruct Credentials { user: String, password: SecretString }",
        'checksum = "«hex40»«hex16»«hex8»"',
        '    assert_eq!(parse(b"«micros»"), Ok((b"".as_slice(), «micros»)));',
    ),
    "Go": (
        "/*\n * Copyright 2026 Example. All rights reserved.\n * Confidential and proprietary.\n */",
        'cfg.Password = os.Getenv("«service»_PASSWORD")',
        'if err := bcrypt.CompareHashAndPassword(hash, []byte(password)); err != nil {\n\treturn "", err\n}',
        'type «name» struct {\n\tAPIKey string `json:"api_key" yaml:"apiKey"`\n\tTTL    int\n}',
        "const epoch int64 = «millis»",
        "github.com/example/«service» v«version» h1:«print43»=",
    ),
    "C": (
        "#define NDA_DST 0x«hex8»u",
        "static const uint32_t table[] = { 0x«hex8», 0x«hex8», 0x«hex8», 0x«hex8» };",
        "int check_password(const char *password, size_t length);",
        "/* SSN: segment sequence number, «small» bits, see section «version» */",
        'printf("%08x %s\\n", token->kind, token->text);',
        "struct «noun» { uint64_t id; char passport_no[16]; double amount; };",
    ),
    "SQL": (
        "CREATE TABLE people (id bigint, card_number text, ssn char(11), password_hash text);",
        "SELECT diagnosis_code, count(*) FROM visits GROUP BY 1 HAVING count(*) > «n»;",
        "INSERT INTO orders (id, placed, total) VALUES («millis», '«date»', «money»);",
        "ALTER USER app WITH PASSWORD :new_password;",
        "UPDATE «noun»s SET token = NULL WHERE expires < '«date» «time»';",
    ),
    "shell": (
        'export API_KEY="${API_KEY:?set it first}"',
        'curl -H "Authorization: Bearer $TOKEN" https://«service».example«path»',
        'read -rsp "Password: " password',
        "docker run --rm -e POSTGRES_PASSWORD «service»:«version»",
        "git checkout «hex40» -- «file»",
        'psql "postgres://app:${DB_PASSWORD}@db.internal:5432/«service»"',
    ),
    "YAML": (
        "env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef: {name: «service», key: password}",
        "api_key: ${{ secrets.«service»_KEY }}",
        "image: registry.example/«service»@sha256:«hex40»«hex16»«hex8»",
        "password: <your password here>",
        "auth:\n  token: !vault «service»/token\n  password_file: /run/secrets/«service»",
        "resources: {limits: {cpu: «small», memory: «n»Mi}}",
    ),
}
"""Pieces by language."""
