//! A certificate authority and a server certificate for `upsd`, which Debian links with NSS.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::command::{check, require};
use crate::spec::HUB_ADDRESS;

/// `$0` folder for keys and certificates, `$1` folder for the NSS database, `$2` address.
const MAKE: &str = r#"
set -eu
cd "$0"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 \
  -subj '/CN=ananke lab CA' -addext basicConstraints=critical,CA:TRUE \
  -addext keyUsage=critical,keyCertSign,cRLSign
openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj '/CN=hub'
cat >extensions <<END
subjectAltName=DNS:hub,DNS:localhost,IP:127.0.0.1,IP:$2
keyUsage=digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth
basicConstraints=CA:FALSE
END
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
  -extfile extensions -out server.pem
openssl pkcs12 -export -in server.pem -inkey server.key -certfile ca.pem -name upsd \
  -out server.p12 -passout pass:lab
printf lab >password
certutil -N -d "sql:$1" -f password
certutil -A -d "sql:$1" -n 'ananke lab CA' -t CT,C,C -i ca.pem -f password
pk12util -i server.p12 -d "sql:$1" -k password -W lab
"#;

/// Makes them below `folder`; gives the lines for `upsd.conf`. The authority's certificate is
/// `tls/ca.pem` there.
pub(crate) fn make(folder: &Path) -> Result<String> {
    require(&["openssl", "certutil", "pk12util"])?;
    let (tls, nss) = (folder.join("tls"), folder.join("nss"));
    for folder in [&tls, &nss] {
        fs::create_dir_all(folder)?;
    }
    let mut command = Command::new("sh");
    command.args(["-c", MAKE]).arg(&tls).arg(&nss).arg(HUB_ADDRESS.to_string());
    check(&mut command, Duration::from_secs(60))?;
    Ok(format!("CERTPATH {}\nCERTIDENT \"upsd\" \"lab\"\nDISABLE_WEAK_SSL true\n", nss.display()))
}
