"""Patterns of advertisements, quarrels and hidden links. Pure.

They look at letters and digits alone (:attr:`Folded.bare`), so that what is put between the characters of a word does not
help; prices and links are looked for where marks still stand.

Source: F125.
"""

from __future__ import annotations

import re

_CHANNEL = (
    r"(?:[微薇威维徽唯溦薇葳]{1,2}[信心]|[v加]信|加v(?![a-z])|v[x我]|wx|wei信|weixin|wechat|微号|加[薇微徽威]|卫星|扣扣|q群|(?<![a-z])qq"
    r"|薇(?=[a-z0-9]{4}))"
)
_ID = r"(?:[a-z][a-z0-9]{4,19}|[1-9]\d{4,11})"
CONTACT = re.compile(rf"{_CHANNEL}(?:同?号码?|群|是|同手机|同步)?{_ID}")
"""A channel with an account behind it."""
MARKED = re.compile(r"(?<![a-z0-9])(?:[vw微薇徽溦威][信xv]?|wx|qq)\s*[:]\s*([a-z][\w-]{4,19}|[1-9]\d{5,11})")
"""The same with a colon, of one letter; in ``text``."""
SOLICITS = re.compile(
    rf"[加找私](?:我|本人|老师|客服)?的?{_CHANNEL}(?!支付|步数|红包|好友吗)"
    r"|加我(?=[a-z0-9]*\d)[a-z][a-z0-9]{4,19}|v同号|同微信号?|加我(?:拉|了解|发|领|一起|详聊|咨询|报名|进|微|看|$)"
    r"|(?:需要|想要|要的|有意|感兴趣|有需|想减|想赚|想学)[^我]{0,6}(?:加我|私我|私聊|联系我)(?!一个|一份)"
    r"|私聊(?:了解|我|拿|领)|私信我|私我(?:了解|拿|领|$)|一起赚|有意联系|联系方式见"
)
"""Asks to be added or written to."""
HINTS = re.compile(
    r"加我(?!一个|一份|们)|私[聊信我]|[聊来]私|私$|滴滴我|滴我|扣[1一6六]|找我(?:$|报名|办|咨询|拿)|联系我|有意联系|有意者?|跟我[做干学]|报名|扫码"
    r"|戳我|来的|要的|进群|咨询|预[约订定]|电话|免费(?:量|教|试|领|咨询|设计|上门)|速来|先到先得|上车|同号|点我头像|速联|名额|凭截图|报我名字|送货|联系"
)
"""Invites to get in touch, though not in as many words; counts for one."""
OFFERS = re.compile(
    r"刷单|刷信誉|日结|日[入赚][一-九百千万\d]|月入[一-九几过上\d]{1,2}[万千]|[稳躺]赚|套现|无抵押|代开发票|专业办证|办证[刻包]"
    r"|包过包|[考证]包过|包拿证|招(?:收|募)?(?:兼职|代理|主播|打字)|[诚急高][招聘薪]{1,2}(?:诚?聘|招|主播|代理|兼职|送货|学徒)"
    r"|内部(?:消息|价拿)|拿内部价|一手货源|一件代发|厂家直[销供]|零投资|砍一刀|拼夕夕|复制(?:口令|这段话|这条)打?开?|打开(?:手机)?淘宝"
    r"|包治|专治|祖传(?:膏药|秘方)|见效快|(?:优惠券|福利|红包|捡漏|内购|返利)群|计划(?:群|带)|试听课|扫码(?:加群|进群|报名|领|添加)"
    r"|加群(?:领|就领|免费|每天)|高价回收|手工活外发|稳定盈利|彩票计划|返现\d|无需押金|不用出门[^吗]{0,2}$|低价充话费|做微商"
    r"|先到先得扫码|小投资|小项目月|名额有限|名额不多"
)
"""What no neighbour offers in passing."""
HARD = re.compile(
    r"黑户|大额信用卡|返佣|秒到账|秒下款|秒批|下款|不看征信|无视征信|免押金借|一[单条][一二三四五六七八九十\d]{1,3}[块元]|包通过|包下证|躺着赚"
    r"|带你赚|日结工|轻松(?:月入|日入|赚)|招(?:合伙人|加盟|商加盟)|诚邀加盟|一部手机就能|每天(?:几百|两百|三百|五百)|免费加盟"
)
"""Further things that no neighbour offers in passing."""
GOODS = re.compile(
    r"承接|专业|疏通|开锁|换锁|清洗|维修|家政|保洁|搬家|出租|月租|出售|转让|回收|[七八九]折|优惠|低价|特价|批发|包邮|自家|新蜂蜜"
    r"|新开|开业|酬宾|促销|护肤|变白|祛斑|美容|美甲|定制|橱柜|装修|量房|兼职|赚|信用卡|自考|本科|学历|拿证|考证|社群|返利|拉新|短租|招租|整租"
    r"|车险|商业险|意外险|重疾险|腊肉|香肠|土特产|特产|现货|货源|实体店|团队|创业|加盟|体验课|一对一|辅导|陪练|招生|短视频|月嫂|保姆|钟点工|二手车"
    r"|出一[台个辆套张部]|专[修业治]|专卖|贴膜|换屏|代办|一手|卖自|自酿|自产|自种|开张|周年|推广员|拉一人|拉人头|奖二?\d|上新|好货|首月|半价|立领|清仓|甩卖|剩\d+个月|转让|便宜出|收旧|洗剪吹|体验|补缴|钢琴课|英语课|奥数|托管|晚托|早教|瑜伽|健身卡|家电|油烟机|水电|防水|刷墙|瓷砖|窗帘|搬运|跑腿|拼车|代驾|农家|土猪|散养|鲜榨|手工皂|燕窝|海参|阿胶|保健品|酵素|内衣|童装|女装|皮草|珠宝|翡翠|茶叶|白酒|烟酒|化妆品|面膜|口红|[九八七]成新|低至|免费(?:领|教|量)|福利|减肥|瘦身|招聘|急聘|诚聘|贷款|办卡|招生|培训|理财|保险|充值|福利|价目表|海鲜|预约|开班|课程|出$|元出|块出|要的|有需要"
)
"""What neighbours offer too; an advertisement when it comes with a way to reach the seller and a price or the like."""
PAY = re.compile(
    r"[一每][天单月][一二两三四五六七八九十百\d]+[百千块元]?|回本|月入|日入|到账|[,\s]\d{2,5}\s?[,。]|[一二三四五六七八九\d]五?折"
)
"""Earnings and bare sums."""
PRICE = re.compile(r"\d(?:\.\d{1,2})?\s{0,2}(?:元|块|/斤|一斤|一个|起)|[¥￥]\s*\d")
ASKS = re.compile(
    r"[?]\s*\W*$|[吗呢么]\W*$|[能可行好][一-鿿]{0,4}[不否]\W*$|怎么|多少|什么|哪|谁|咋|几点|几号|几天|是不是|能不能|要不要|可不可以|有没有|求推荐|为啥|如何|行不行"
    r"|^求|求(?:推荐|购|一|个|电话)|想[找请租收][个一辆台位套间]|有推荐|预算"
)
WARNS = re.compile(
    r"骗子[吗吧?]|骗局|是不是骗|骗人的|被骗|诈骗|受骗|上当|冒充|假冒|举报|反诈|提醒大家|大家(?:小心|当心)"
)
"""Warns of somebody: may even name the account."""
REPORTS = re.compile(
    r"(?<!所)有人[^,。?]{0,6}(?:[加让叫拉要]我|私信|冒|发|骂|卖假|在群|打电话)|有个"
    r"|(?:客服|卖家|商家|对方|人家|团长|网友|的人|[他她])[^,。]{0,6}(?:[加让叫拉]我|私信我)"
    r"|说是客服|屏蔽|拉黑|刷屏|推销|骚扰|(?:表[妹姐弟哥]|同事|同学|亲戚|朋友|邻居|老公|儿子|女儿|闺女)在?(?:做|搞|干)(?:微商|直播|兼职|刷单|传销|代购)"
    r"|陌生|自称|短信说|能信|靠谱吗|真的吗|是真的|假的|别信|别点|别上|发广告|骂人|管不管|管管|卖假|谁发的"
)
"""Tells of what somebody else does."""
PROMISES = re.compile(r"不骗人|绝不骗|非骗|不是骗子|真的不骗")
"""What swindlers say of themselves; then the words of :data:`WARNS` and :data:`REPORTS` prove nothing."""

_WHO = r"(?:你们?|楼上|楼下|那个|这个|团长|邻居|全家|他们?|她|这种|这帮|有些人|某些人)"
_NAMES = (
    r"(?:智障|脑残|废物|白痴|神经病|垃圾人|狗东西|不要脸|老不死|老东西|贱|死老太|臭老头|蠢货|蠢猪|傻子|人渣|混蛋|流氓"
    r"|骗子精)"
)
_BUT = r"(?![包造兮卖价内兔院学科]|利用|回收|改造|儿童|人士|孩子|堆)"
"""What makes a harmless word of the one before."""
INSULTS = re.compile(
    rf"{_WHO}[一-鿿\d]{{0,5}}{_NAMES}{_BUT}|{_NAMES}(?:吧|啊|一个|东西)?(?:你|邻居|团长|玩意|们别|一个|连)|垃圾人|老东西嘴|臭婊"
    r"|他妈的(?:什么|玩意|破|烦|滚|气|傻|又|谁|能|会|还|敢|就是|$)|(?:真|都|太|就|又|也)他妈(?!妈|的?生日)|垃圾(?:团长|物业|邻居|东西你)|(?:你|真是个|是个|这个)二百五|(?:你|都|快)(?:闭嘴|滚(?![筒烫动水雪瓜圆轮]))|闭嘴(?:吧|你)|滚吧?你|嘴巴?放干净|偷我家[一-鿿]{0,3}贼"
    r"|不要脸的(?:东西|人)|^滚$|给我闭嘴|还有脸说"
)
SELF = re.compile(r"(?:我|自己|俺|咱)(?:真是?|就是?|是|都|也|怎么|又)*[一-鿿]{0,2}$")
"""Stands before a word that somebody says of himself."""
LAUGHS = re.compile(
    r"[😂🤣😄😁😆😅😜🤪😝😹]|\[(?:笑哭|捂脸|偷笑|坏笑|旺柴|呲牙|憨笑|调皮)\]|哈哈|(?:喊|骂|说|叫|笑)我|被人?[骂说]|有人骂"
)
"""Neighbours who laugh, or tell what they were called, do not quarrel."""
OWN_FAULT = re.compile(r"(?:我|自己|俺)(?:这个?|真是个?|就是个?|也是个?|是个?|又|个)+$")
"""The same, of a word that is an insult wherever else it stands: 「我靠」 is nothing that somebody is."""

TLD = (
    r"(?:c[o0]m|cn|net|org|top|xyz|vip|cc|shop|club|site|online|info|biz|io|me|tv|fun|ink|link|live|pro|wang|win|work|store|app"
    r"|icu|ly|gd|gl|so|tk|ru|hk|tw|lc|in)"
)
_HOST = r"(?<![@\w.-])(?:[a-z0-9][a-z0-9-]{0,62}\.)+"
LINK = re.compile(
    rf"(?:h(?:tt|xx)ps?|ftp)\s*:\s*//[^\s,。;一-鿿]+|{_HOST}{TLD}(?![a-z0-9-])(?:[/?#:][^\s,。;一-鿿]*)?|www\.[^\s,。;一-鿿]+"
)
_DOT = r"(?:点|。|丶|,|·|\(dot\)|\[dot\]|\[\.\]|\(\.\)|\(点\)|\[点\]|、)"
DOTTED = re.compile(rf"(?<![@a-z0-9.-])[a-z0-9][a-z0-9-]{{2,62}}\s*{_DOT}\s*{TLD}(?![a-z0-9])(?:/\S*)?")
"""A link whose dot is spelt."""
SPACED = re.compile(r"(?:[a-z0-9]\s){2,}\s*[a-z0-9]?\s*\.\s*(?:[a-z0-9.]\s*)*(?:/(?:\s*[a-z0-9])+)?")
"""A link with blanks between its letters."""
GAPPED = re.compile(
    r"(?<![@a-z0-9.-])[a-z0-9][a-z0-9-]+\s*[.。]\s*(?:c\s*[o0]\s*m|c\s*n|n\s*e\s*t|t\s*o\s*p|x\s*y\s*z|v\s*i\s*p|c\s*c|s\s*h\s*o\s*p)(?![a-z0-9])"
)
"""A link with blanks about its dot or in its end."""
SHORT = re.compile(
    r"^(?:https?://)?(?:m\.|c\.|w\.)?(?:t\.cn|dwz\.(?:cn|lc)|url\.cn|suo\.im|bit\.ly|tb\.cn|t\.me|is\.gd|tinyurl\.com|goo\.gl|6du\.in"
    r"|sourl\.cn|u\.jd\.com|v\.kuaishou\.com|v\.douyin\.com|m\.tb\.cn|p\.pinduoduo\.com|s\.click\.taobao\.com|rrd\.me|mrw\.so)(?:/|$)"
)
"""Nobody sees where it leads."""
